/* SPDX-License-Identifier: Apache-2.0 */
/*
 * toolhost-internal.h - shared by the files of the test host.
 */
#ifndef T_UNIT_TOOLHOST_INTERNAL_H
#define T_UNIT_TOOLHOST_INTERNAL_H

#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "toolhost.h"

#define TH_REPLIES 16
#define TH_SECRETS 4

struct th_post;

struct toolhost {
	struct sept_host host; /* first: plugins hand it back */
	struct event_base *base;
	pthread_t loop_thread;
	struct sept_plugin *plugin;
	const struct sept_tool *tool;
	char *workspace, *task, *turn;
	unsigned deadline_ms, serial;
	int calls;   /* begun, not waited for */
	int quiet;   /* quiesced() came */
	atomic_int jobs;
	struct th_reply replies[TH_REPLIES];
	unsigned reply_head, reply_tail;
	struct th_asked asked;
	struct {
		const char *name, *value;
	} secrets[TH_SECRETS];
	unsigned secrets_n;
	sept_status why; /* last host.fail */
};

struct sept_call {
	struct toolhost *th;
	struct sept_call_info info;
	char id[32];
	uint64_t deadline;
	atomic_int cancelled, done;
	atomic_uintptr_t user;
	sept_status status;
	char *json;
	char *args; /* of a call on a thread of its own */
	size_t args_n;
	uint32_t index;
	pthread_t thread;
	int threaded;
};

struct th_call {
	struct sept_call call;
};

#define th_die(...) \
	do { \
		printf("Bail out! toolhost: "); \
		printf(__VA_ARGS__); \
		printf("\n"); \
		exit(99); \
	} while (0)

uint64_t th_now(void);
void th_on_loop(const struct toolhost *th, const char *what);
/* Runs fn(arg) on the loop. [any] */
void th_post(struct toolhost *th, void (*fn)(void *), void *arg);
/* Runs fn(arg) on the loop after ms. */
struct sept_timer *th_timer(struct toolhost *th, unsigned ms,
    void (*fn)(void *), void *arg);
void th_timer_cancel(struct sept_timer *t);

extern const struct sept_host_proc th_proc;
extern const struct sept_host_http th_http_table;

#endif
