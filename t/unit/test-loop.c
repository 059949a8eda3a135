/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-loop.c - posting, timers, the pool and the watchdog.
 */
#include <event2/thread.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "../../core/base/clock.h"
#include "../../core/loop/loop.h"
#include "../../core/loop/pool.h"
#include "tap.h"

#define POSTERS 4
#define POSTS 5000

static struct loop *loop;
static int order_ok = 1, seen;
static int last[POSTERS];

struct item {
	struct loop_post post;
	int who, seq;
};

static void
on_item(void *arg)
{
	struct item *it = arg;

	if (it->seq != last[it->who] + 1 || !loop_here(loop))
		order_ok = 0;
	last[it->who] = it->seq;
	free(it);
	if (++seen == POSTERS * POSTS)
		loop_stop(loop);
}

static void *
poster(void *arg)
{
	int who = (int)(intptr_t)arg, i;
	struct item *it;

	for (i = 1; i <= POSTS; i++) {
		it = calloc(1, sizeof *it);
		if (it == NULL)
			abort();
		it->who = who;
		it->seq = i;
		it->post.fn = on_item;
		it->post.arg = it;
		loop_post(loop, &it->post);
	}
	return NULL;
}

static void
test_post(void)
{
	pthread_t t[POSTERS];
	int i;

	for (i = 0; i < POSTERS; i++)
		if (pthread_create(&t[i], NULL, poster,
		    (void *)(intptr_t)i) != 0)
			abort();
	check_int(loop_run(loop), 0, "the loop ran");
	for (i = 0; i < POSTERS; i++)
		(void)pthread_join(t[i], NULL);
	check_int(seen, POSTERS * POSTS, "every post arrived");
	check(order_ok, "in order, on the loop");
}

static struct loop_post again;
static int rounds;

static void
on_again(void *arg)
{
	(void)arg;
	if (++rounds == 1000)
		loop_stop(loop);
	else
		loop_post(loop, &again);
}

static int busy_reads;

/* Always ready: the other end of the pipe is closed. */
static void
on_busy(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (++busy_reads == 100000)
		loop_stop(loop);
}

static void
test_busy(void)
{
	struct event *ev;
	int p[2];

	if (pipe(p) != 0)
		abort();
	(void)close(p[1]);
	ev = event_new(loop_base(loop), p[0], EV_READ | EV_PERSIST, on_busy,
	    NULL);
	if (ev == NULL || event_add(ev, NULL) != 0)
		abort();
	rounds = 0;
	loop_post(loop, &again);
	loop_run(loop);
	check(rounds == 1000 && busy_reads < 100000,
	    "posts run while a descriptor is always ready");
	event_free(ev);
	(void)close(p[0]);
}

static int timer_order[2], timer_n;

static void
on_timer(void *arg)
{
	timer_order[timer_n++] = (int)(intptr_t)arg;
	if (timer_n == 2)
		loop_stop(loop);
}

static void
on_never(void *arg)
{
	(void)arg;
	abort();
}

static atomic_int worked;
static int done_n;

static void
work(void *arg)
{
	(void)arg;
	if (loop_here(loop))
		abort();
	atomic_fetch_add(&worked, 1);
}

static void
done(void *arg)
{
	(void)arg;
	if (++done_n == 20)
		loop_stop(loop);
}

static void
hold(void *arg)
{
	uint64_t until = clock_mono_ns() + 200000000;
	const char *before = loop_section(loop, "the holder");

	(void)arg;
	while (clock_mono_ns() < until)
		;
	loop_section(loop, before);
	loop_stop(loop);
}

static struct loop *
fresh(void)
{
	struct err e;

	loop_free(loop);
	loop = loop_new(&e);
	if (loop == NULL)
		abort();
	return loop;
}

static void
test_pool(void)
{
	static struct pool_job jobs[21];
	struct pool *p = pool_new(loop, 3, 20, NULL);
	int i, full = 0;

	if (p == NULL)
		abort();
	for (i = 0; i < 20; i++) {
		jobs[i].work = work;
		jobs[i].done = done;
		if (pool_submit(p, &jobs[i]) != 0)
			full++;
	}
	check_int(full, 0, "the queue takes its number");
	loop_run(loop);
	check_int(atomic_load(&worked), 20, "all jobs worked");
	pool_free(p);
	p = pool_new(loop, 1, 0, NULL);
	check(p != NULL && pool_submit(p, &jobs[20]) != 0,
	    "a full queue refuses");
	pool_free(p);
}

int
main(void)
{
	struct loop_timer *a, *b, *c;

	tap_start(60);
	evthread_use_pthreads();
	fresh();
	test_post();
	fresh();
	again.fn = on_again;
	loop_post(loop, &again);
	loop_run(loop);
	check_int(rounds, 1000, "an item may post itself again");
	fresh();
	test_busy();
	fresh();
	check(loop_timer(loop, 30, on_timer, (void *)(intptr_t)2, &a) == 0 &&
	    loop_timer(loop, 1, on_timer, (void *)(intptr_t)1, &b) == 0 &&
	    loop_timer(loop, 5, on_never, NULL, &c) == 0, "timers");
	loop_timer_cancel(c);
	loop_run(loop);
	check(timer_order[0] == 1 && timer_order[1] == 2, "run in time order");
	fresh();
	test_pool();
	fresh();
	check_int(loop_watchdog_start(loop, 50, NULL), 0, "a watchdog");
	again.fn = hold;
	loop_post(loop, &again);
	loop_run(loop);
	check_int(loop_stalls(loop), 1, "sees the loop held");
	loop_free(loop);
	return tap_done();
}
