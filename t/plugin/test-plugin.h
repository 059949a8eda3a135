/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-plugin.h - between test-plugin.c (a plugin's life) and test-tools.c
 * (its tools, well and badly behaved). Built several times with other macros:
 *
 *   BUILD    letter that the tool "build" answers with
 *   MAJOR    interface number it claims
 *   NEEDS    a host extension it cannot live without
 *   NO_START its start fails
 *   NO_QUIET it never ends its quiesce
 *   CAPS, FLAGS    of its descriptor
 *   SECOND_EXPORT  exports another name, which other builds export too
 */
#ifndef T_PLUGIN_TEST_PLUGIN_H
#define T_PLUGIN_TEST_PLUGIN_H

#include <pthread.h>
#include <september/september.h>

#ifndef BUILD
#define BUILD "a"
#endif
#define STASH_MAX 256
#define THREADS_MAX 256

struct me {
	struct sept_plugin plugin;
	const struct sept_host *host;
	const struct sept_host_call *call;
	const struct sept_host_loop *loop;
	const struct sept_host_pool *pool;
	const struct sept_host_http *http;
	const struct sept_host_proc *proc;
	const struct sept_host_secret *secret;
	struct sept_call *stash[STASH_MAX];
	int n_stash;
	pthread_t threads[THREADS_MAX];
	int n_threads;
	struct sept_call *late; /* completed once already */
	struct sept_quiesce *quiesce;
	struct sept_timer *left;
	int early_ext;          /* extensions seen before start */
	char config[256];
	char turn[64];
	int sick;
};

extern const struct sept_tool test_tools;

#endif
