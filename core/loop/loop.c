/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.c - posting, timers and the watchdog.
 *
 * Items posted by other threads form a list under a mutex; an eventfd wakes
 * the loop when the list turns from empty to not empty, so a batch costs one
 * wake-up. What the loop thread posts to itself goes to a second list, which
 * needs neither mutex nor system call and runs at the end of the round.
 * Nothing is called under the mutex.
 *
 * EPOLL_USE_CHANGELIST saves half of evhttp's epoll_ctl calls; it is unsafe
 * with dup()ed descriptors in the base: use none.
 */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <event2/thread.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/log.h"

struct loop {
	struct event_base *base;
	pthread_t thread;
	pid_t tid;
	int fd; /* eventfd */
	struct event *wake;
	pthread_mutex_t lock; /* guards head, tail */
	struct loop_post *head, **tail;
	struct loop_post *own, **own_tail; /* loop thread only */
	/* Watchdog: when the loop last came up for air, 0 while it waits. */
	_Atomic uint64_t busy_since;
	_Atomic(const char *) section;
	_Atomic uint64_t stalls;
	_Atomic int stop;
	int watching;
	unsigned limit_ms;
	pthread_t dog;
};

/* What the watchdog has seen of the section that runs. */
struct stretch {
	uint64_t since, waited;
	int told;
};

struct loop_timer {
	struct event *ev;
	void (*fn)(void *);
	void *arg;
};

static void
run_list(struct loop_post *p)
{
	struct loop_post *next;

	for (; p != NULL; p = next) {
		/* The function may free or post the item again. */
		next = p->next;
		p->fn(p->arg);
	}
}

static void
run_posted(struct loop *l)
{
	struct loop_post *p;

	(void)pthread_mutex_lock(&l->lock);
	p = l->head;
	l->head = NULL;
	l->tail = &l->head;
	(void)pthread_mutex_unlock(&l->lock);
	run_list(p);
}

/* What these functions post to the loop runs in the next round. */
static void
run_own(struct loop *l)
{
	struct loop_post *p = l->own;

	l->own = NULL;
	l->own_tail = &l->own;
	run_list(p);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	uint64_t n;
	ssize_t r;

	(void)what;
	r = read(fd, &n, sizeof n);
	(void)r; /* EAGAIN: somebody woke us twice */
	run_posted(arg);
}

struct loop *
loop_new(struct err *e)
{
	struct event_config *cfg = NULL;
	struct loop *l = calloc(1, sizeof *l);

	if (l == NULL) {
		err_nomem(e);
		return NULL;
	}
	l->fd = -1;
	l->tail = &l->head;
	l->own_tail = &l->own;
	l->thread = pthread_self();
	l->tid = gettid();
	(void)pthread_mutex_init(&l->lock, NULL);
	cfg = event_config_new();
	if (cfg == NULL || event_config_set_flag(cfg,
	    EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) != 0)
		goto fail;
	l->base = event_base_new_with_config(cfg);
	l->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (l->base == NULL || l->fd < 0)
		goto fail;
	l->wake = event_new(l->base, l->fd, EV_READ | EV_PERSIST, on_wake, l);
	if (l->wake == NULL || event_add(l->wake, NULL) != 0)
		goto fail;
	event_config_free(cfg);
	return l;
fail:
	if (cfg != NULL)
		event_config_free(cfg);
	err_set(e, ERR_INTERNAL, "cannot make the event loop");
	loop_free(l);
	return NULL;
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	if (l->watching) {
		atomic_store(&l->stop, 1);
		(void)pthread_join(l->dog, NULL);
	}
	if (l->wake != NULL)
		event_free(l->wake);
	if (l->base != NULL)
		event_base_free(l->base);
	if (l->fd >= 0)
		(void)close(l->fd);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
}

struct event_base *
loop_base(struct loop *l)
{
	return l->base;
}

int
loop_here(const struct loop *l)
{
	return pthread_equal(l->thread, pthread_self());
}

int
loop_run(struct loop *l)
{
	int r = 0;

	/*
	 * Not event_base_dispatch(): each round marks when it began, which
	 * the watchdog needs. A round ends when the ready events have run.
	 */
	while (!atomic_load_explicit(&l->stop, memory_order_relaxed) &&
	    r == 0) {
		atomic_store_explicit(&l->busy_since, 0,
		    memory_order_relaxed);
		r = event_base_loop(l->base,
		    EVLOOP_ONCE | (l->own != NULL ? EVLOOP_NONBLOCK : 0));
		run_own(l);
	}
	return r < 0 ? -1 : 0;
}

static void
on_nothing(void *arg)
{
	*(struct loop_timer **)arg = NULL;
}

void
loop_turn(struct loop *l, unsigned wait_ms)
{
	struct loop_timer *t = NULL;
	int flags = EVLOOP_NONBLOCK;

	if (l->own == NULL && wait_ms > 0 &&
	    loop_timer(l, wait_ms, on_nothing, &t, &t) == 0)
		flags = EVLOOP_ONCE;
	(void)event_base_loop(l->base, flags);
	loop_timer_cancel(t);
	run_own(l);
}

void
loop_stop(struct loop *l)
{
	uint64_t one = 1;
	ssize_t r;

	atomic_store(&l->stop, 1);
	r = write(l->fd, &one, sizeof one);
	(void)r; /* a full counter wakes as well */
}

void
loop_post(struct loop *l, struct loop_post *p)
{
	uint64_t one = 1;
	int first;
	ssize_t r;

	p->next = NULL;
	if (loop_here(l)) {
		*l->own_tail = p;
		l->own_tail = &p->next;
		return;
	}
	(void)pthread_mutex_lock(&l->lock);
	first = l->head == NULL;
	*l->tail = p;
	l->tail = &p->next;
	(void)pthread_mutex_unlock(&l->lock);
	if (first) {
		r = write(l->fd, &one, sizeof one);
		(void)r; /* a full counter wakes as well */
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *t = arg;
	void (*fn)(void *) = t->fn;
	void *a = t->arg;

	(void)fd;
	(void)what;
	event_free(t->ev);
	free(t);
	fn(a);
}

int
loop_timer(struct loop *l, uint64_t delay_ms, void (*fn)(void *), void *arg,
    struct loop_timer **out)
{
	struct loop_timer *t = calloc(1, sizeof *t);
	struct timeval tv;

	if (t == NULL)
		return -1;
	t->fn = fn;
	t->arg = arg;
	tv.tv_sec = (time_t)(delay_ms / 1000);
	tv.tv_usec = (suseconds_t)(delay_ms % 1000 * 1000);
	t->ev = evtimer_new(l->base, on_timer, t);
	if (t->ev == NULL || evtimer_add(t->ev, &tv) != 0) {
		if (t->ev != NULL)
			event_free(t->ev);
		free(t);
		return -1;
	}
	*out = t;
	return 0;
}

void
loop_timer_cancel(struct loop_timer *t)
{
	if (t == NULL)
		return;
	event_free(t->ev);
	free(t);
}

/*
 * A section is entered at every callback of ours; the first of a round stamps
 * the start of the stretch. Reading the clock costs 20 ns.
 */
const char *
loop_section(struct loop *l, const char *name)
{
	const char *before = atomic_load_explicit(&l->section,
	    memory_order_relaxed);

	atomic_store_explicit(&l->section, name, memory_order_relaxed);
	atomic_store_explicit(&l->busy_since,
	    name != NULL ? clock_mono_ns() : 0, memory_order_relaxed);
	return before;
}

/*
 * How long the loop thread has been ready to run without getting a processor,
 * in all, nanoseconds: the second number of schedstat (kernel documentation,
 * scheduler/sched-stats). 0 where the kernel does not tell.
 */
static uint64_t
waited_ns(const struct loop *l)
{
	unsigned long long ran = 0, waited = 0;
	char path[64], text[96];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof path, "/proc/self/task/%d/schedstat",
	    (int)l->tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof text - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "%llu %llu", &ran, &waited) != 2)
		return 0;
	return waited;
}

/*
 * A stretch counts from when the section began, less the time in which other
 * processes had the processor: that is not the section's doing.
 */
static void
look(struct loop *l, struct stretch *s)
{
	uint64_t since = atomic_load_explicit(&l->busy_since,
	    memory_order_relaxed), now = clock_mono_ns(), own, waited;
	const char *name;

	if (since == 0 || now < since)
		return;
	if (since != s->since) {
		s->since = since;
		s->waited = waited_ns(l);
		s->told = 0;
		return;
	}
	if (s->told || now - since < l->limit_ms * UINT64_C(1000000))
		return;
	waited = waited_ns(l) - s->waited;
	own = now - since > waited ? now - since - waited : 0;
	if (own < l->limit_ms * UINT64_C(1000000))
		return;
	s->told = 1;
	name = atomic_load_explicit(&l->section, memory_order_relaxed);
	atomic_fetch_add(&l->stalls, 1);
	log_warn("watchdog", "the loop has been held for %u ms by %s",
	    (unsigned)(own / 1000000), name != NULL ? name : "unnamed code");
}

static void *
watch(void *arg)
{
	struct loop *l = arg;
	struct stretch s = { 0, 0, 0 };
	struct timespec nap = { 0, 10000000 };

	while (!atomic_load(&l->stop)) {
		(void)nanosleep(&nap, NULL);
		look(l, &s);
	}
	return NULL;
}

int
loop_watchdog_start(struct loop *l, unsigned limit_ms, struct err *e)
{
	int r;

	l->limit_ms = limit_ms;
	r = pthread_create(&l->dog, NULL, watch, l);
	if (r != 0)
		return err_set(e, ERR_INTERNAL,
		    "cannot start the watchdog: %s", strerror(r));
	l->watching = 1;
	return 0;
}

uint64_t
loop_stalls(const struct loop *l)
{
	return atomic_load(&l->stalls);
}
