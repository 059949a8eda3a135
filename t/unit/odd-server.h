/* SPDX-License-Identifier: Apache-2.0 */
/*
 * odd-server.h - an HTTP server on a loopback port of its own that answers
 * well or badly, as the path says (see the table in odd-server.c). One thread
 * a connection.
 */
#ifndef T_UNIT_ODD_SERVER_H
#define T_UNIT_ODD_SERVER_H

#include <stddef.h>

struct odd_server;

struct odd_server *odd_start(void);
/* Ends every connection and joins the threads. */
void odd_stop(struct odd_server *s);
int odd_port(const struct odd_server *s);
/* Connections accepted and requests read so far. */
int odd_connections(struct odd_server *s);
int odd_requests(struct odd_server *s);
/* Bytes of reply bodies that went out. */
size_t odd_sent(struct odd_server *s);

#endif
