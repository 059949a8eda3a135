/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the benchmark programs share: a clock, a histogram of fixed size, CPU
 * and memory of another process, option parsing and the receiving end of an
 * HTTP/1.1 reply and of an event stream.
 *
 * The programs stand alone: they include nothing of the engine.  All of them
 * are single-threaded, talk to 127.0.0.1 only, end within a bounded time and
 * print one JSON object on standard output.  A failure that makes a figure
 * worthless ends the program with a message and exit status 1; a misuse of
 * the command line with 2.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

/* ---- clock, errors, options (bench.c) ---- */

/* Monotonic time in nanoseconds; the clock the token stamps are in. */
uint64_t
bench_now(void);

/* Print "program: text" on standard error and exit with 1. */
void
bench_die(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));

/*
 * Parse a decimal number in lo..hi; the program ends with status 2 when the
 * text is anything else.  `name` is the option, for the message.
 */
uint64_t
bench_number(const char *name, const char *text, uint64_t lo, uint64_t hi);

/* Print a usage text and exit: 0 to standard output, else standard error. */
void
bench_usage(const char *text, int status) __attribute__((noreturn));

/* Raise the limit of open files as far as allowed and ignore SIGPIPE. */
void
bench_init(void);

/*
 * A connected, non-blocking TCP socket to 127.0.0.1:port, or -1 with errno.
 * The connect itself may block for as long as the listener's queue is full.
 */
int
bench_connect(unsigned port);

/*
 * A listening, non-blocking socket on 127.0.0.1.  *port is the wanted port
 * (0 for any) and receives the real one.  Ends the program on failure.
 */
int
bench_listen(unsigned *port);

/* Print the object as one line on standard output and free it. */
void
bench_print(json_t *object);

/* ---- histogram of nanoseconds (bench.c) ---- */

#define BENCH_BUCKETS	(58 * 128)

/* Relative error of a percentile at most 1/256; the maximum is exact. */
struct bench_hist {
	uint64_t	n;
	uint64_t	max;
	uint32_t	bucket[BENCH_BUCKETS];
};

void
bench_hist_add(struct bench_hist *, uint64_t ns);

/* The value at quantile q (0..1) in ns; 0 when nothing was added. */
double
bench_hist_at(const struct bench_hist *, double q);

/* {"n","p50","p90","p99","max"} in microseconds; NULL out of memory. */
json_t *
bench_hist_json(const struct bench_hist *);

/* ---- another process (bench.c) ---- */

/*
 * CPU time in ns that the process, with all threads it ever had, and its
 * children alive now have used.  0 when the process is gone.
 */
uint64_t
bench_cpu(pid_t);

struct bench_mem {
	uint64_t	rss_kib;	/* VmRSS */
	uint64_t	anon_kib;	/* RssAnon */
	uint64_t	peak_kib;	/* VmHWM */
};

/* Memory of the process, children not counted.  -1 when it is gone. */
int
bench_mem(pid_t, struct bench_mem *);

/* ---- one HTTP/1.1 reply (rx.c) ---- */

enum rx_state {
	RX_STATUS, RX_HEADER, RX_LENGTH, RX_UNTIL_CLOSE, RX_CHUNK_SIZE,
	RX_CHUNK_DATA, RX_CHUNK_END, RX_TRAILER, RX_DONE
};

struct rx {
	enum rx_state	state;
	int		status;		/* of the status line, 0 before it */
	bool		chunked;
	bool		close;		/* the server will close after it */
	bool		has_length;
	uint64_t	left;		/* bytes of body or chunk to come */
	size_t		line_len;
	char		line[2048];	/* an unfinished header line */
	void		(*body)(void *, const char *, size_t);
	void		*arg;
};

/* Get ready for the next reply on a connection. */
void
rx_init(struct rx *, void (*body)(void *, const char *, size_t), void *arg);

/*
 * Take bytes as they come; body bytes go to the callback at once.  Returns
 * how many were used, fewer than len only at the end of the reply, or -1
 * when this is no HTTP reply we understand.
 */
ssize_t
rx_feed(struct rx *, const char *buf, size_t len);

/* The server closed.  True when the reply is complete by that. */
bool
rx_eof(struct rx *);

/* ---- lines of an event stream (rx.c) ---- */

#define LINES_MAX	(4U << 20)

struct lines {
	char	*carry;		/* an unfinished line, owned */
	size_t	len;
	size_t	cap;		/* never above LINES_MAX */
	void	(*line)(void *, const char *, size_t);
	void	*arg;
};

void
lines_init(struct lines *, void (*line)(void *, const char *, size_t),
    void *arg);

void
lines_fini(struct lines *);

/* Hand out every complete line, without its end.  -1: too long, no memory. */
int
lines_feed(struct lines *, const char *buf, size_t len);

/* ---- stamps inside token texts (rx.c) ---- */

/*
 * The mock provider's text is "t<ns> t<ns> ...": each token carries the time
 * it was sent at.  The checker takes the text in any pieces.
 */
struct stamps {
	uint64_t	value;		/* digits so far */
	uint64_t	last;		/* the stamp before */
	uint64_t	count;
	bool		inside;		/* between the t and the blank */
	bool		bad;		/* something else, or out of order */
};

/*
 * Check the text that was seen at time `now`; the age of every stamp that
 * ends in it goes to `age` (may be NULL).
 */
void
stamps_feed(struct stamps *, const char *text, size_t len, uint64_t now,
    struct bench_hist *age);

/* The value of a JSON string member, still escaped; NULL if there is none. */
const char *
bench_member(const char *json, size_t len, const char *name, size_t *out_len);

#endif
