/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.c - worker threads, started on demand, ended when idle.
 *
 * Lock order: the pool's mutex is a leaf; nothing is called under it.
 * Signals are blocked in workers: only the loop thread handles them.
 */
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define IDLE_SECONDS 10
#define STACK_BYTES (512 * 1024)

struct pool {
	struct loop *loop;
	pthread_mutex_t lock;  /* guards all below */
	pthread_cond_t work;   /* a job waits, or stop */
	pthread_cond_t ended;  /* a worker has ended */
	struct pool_job *head, **tail;
	unsigned queued, threads, idle, max_threads, max_queue;
	int stop;
};

struct pool *
pool_new(struct loop *l, unsigned max_threads, unsigned max_queue,
    struct err *e)
{
	pthread_condattr_t attr;
	struct pool *p = calloc(1, sizeof *p);

	if (p == NULL) {
		err_nomem(e);
		return NULL;
	}
	p->loop = l;
	p->tail = &p->head;
	p->max_threads = max_threads;
	p->max_queue = max_queue;
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&p->work, &attr);
	(void)pthread_cond_init(&p->ended, NULL);
	(void)pthread_condattr_destroy(&attr);
	return p;
}

void
pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	(void)pthread_mutex_lock(&p->lock);
	p->stop = 1;
	(void)pthread_cond_broadcast(&p->work);
	while (p->threads > 0)
		(void)pthread_cond_wait(&p->ended, &p->lock);
	(void)pthread_mutex_unlock(&p->lock);
	(void)pthread_cond_destroy(&p->work);
	(void)pthread_cond_destroy(&p->ended);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

/* Takes the next job, or NULL when the worker is to end. Lock held. */
static struct pool_job *
next_job(struct pool *p)
{
	struct timespec until;
	struct pool_job *job;
	int r = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_SECONDS;
	p->idle++;
	while (p->head == NULL && !p->stop && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&p->work, &p->lock, &until);
	p->idle--;
	job = p->stop ? NULL : p->head;
	if (job != NULL) {
		p->head = job->next;
		if (p->head == NULL)
			p->tail = &p->head;
		p->queued--;
	}
	return job;
}

static void *
worker(void *arg)
{
	struct pool *p = arg;
	struct pool_job *job;

	(void)pthread_mutex_lock(&p->lock);
	while ((job = next_job(p)) != NULL) {
		(void)pthread_mutex_unlock(&p->lock);
		job->work(job->arg);
		if (job->done != NULL) {
			job->post.fn = job->done;
			job->post.arg = job->arg;
			loop_post(p->loop, &job->post);
		}
		(void)pthread_mutex_lock(&p->lock);
	}
	p->threads--;
	(void)pthread_cond_signal(&p->ended);
	(void)pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Starts a detached worker; lock held. */
static int
start_worker(struct pool *p)
{
	pthread_attr_t attr;
	sigset_t all, before;
	pthread_t t;
	int r;

	if (pthread_attr_init(&attr) != 0)
		return -1;
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&t, &attr, worker, p);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attr);
	if (r != 0)
		return -1;
	p->threads++;
	return 0;
}

int
pool_submit(struct pool *p, struct pool_job *job)
{
	int r = -1;

	job->next = NULL;
	job->pool = p;
	(void)pthread_mutex_lock(&p->lock);
	if (p->stop || p->queued >= p->max_queue)
		goto out;
	if (p->idle <= p->queued && p->threads < p->max_threads)
		(void)start_worker(p);
	if (p->threads == 0)
		goto out;
	*p->tail = job;
	p->tail = &job->next;
	p->queued++;
	(void)pthread_cond_signal(&p->work);
	r = 0;
out:
	(void)pthread_mutex_unlock(&p->lock);
	return r;
}
