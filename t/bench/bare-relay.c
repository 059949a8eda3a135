/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The yardstick: the least that evhttp and libcurl can do for the engine's
 * job.  POST /execute asks the provider for a completion, the reply's lines
 * are parsed by scanning, and each token goes to the client as an event of
 * its own; at the end comes a thread_lifecycle event that says completed.
 * Every other GET but /events answers a small JSON object: the bare evhttp.
 * GET /events?n=N streams N events from memory, 16 in a chunk: the limit of
 * a replay.
 *
 * No keys, no validation, no storage, no history, no error events: a failed
 * upstream ends the reply without `completed`, which the load client counts
 * as an error.  It reads the same environment as the engine (LLM_BASE_URL,
 * ENGINE_PORT, ENGINE_PORT_FILE), so that it can stand in its place.
 *
 * One thread, one loop with the epoll changelist, one pool of easy handles
 * whose connections stay alive.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#define POOL_MAX	1024
#define LINE_MAX_BYTES	4096
#define REQUEST_MAX	(1U << 20)
#define EVENTS_A_CHUNK	16

struct relay {
	struct event_base *base;
	struct evhttp	*http;
	struct evbuffer	*out;		/* scratch for one chunk */
	CURLM		*multi;
	struct event	*timer;
	struct curl_slist *headers;
	char		url[512];
	CURL		*pool[POOL_MAX];
	size_t		pooled;
};

/* A watched socket of libcurl's. */
struct watch {
	struct event	ev;
	struct relay	*relay;
};

struct turn {
	struct relay	*relay;
	struct evhttp_request *req;
	CURL		*easy;
	uint64_t	id;
	bool		started;	/* the reply's head is out */
	bool		gone;		/* the client left */
	bool		done;		/* [DONE] was seen */
	size_t		line_len;
	char		line[LINE_MAX_BYTES];
};

struct events_reply {
	struct evhttp_request *req;
	struct relay	*relay;
	uint64_t	sent, total;
};

static void
on_client_gone(struct evhttp_connection *evcon, void *arg)
{
	struct turn *t = arg;

	(void)evcon;
	t->gone = true;
}

static void
turn_event(struct turn *t, const char *event, const char *data, size_t len)
{
	struct relay *r = t->relay;
	char buf[LINE_MAX_BYTES + 128];
	int n;

	if (!t->started) {
		t->started = true;
		evhttp_send_reply_start(t->req, 200, "OK");
	}
	n = snprintf(buf, sizeof(buf), "id: %" PRIu64
	    "\nevent: %s\ndata: {%.*s}\n\n", ++t->id, event, (int)len, data);
	if (n < 0 || (size_t)n >= sizeof(buf) ||
	    evbuffer_add(r->out, buf, (size_t)n) != 0)
		return;
	evhttp_send_reply_chunk(t->req, r->out);
}

static void
turn_line(struct turn *t, const char *line, size_t len)
{
	static const char key[] = "\"content\":\"";
	char data[LINE_MAX_BYTES];
	const char *p, *q;
	int n;

	if (len >= 12 && memcmp(line, "data: [DONE]", 12) == 0) {
		t->done = true;
		return;
	}
	p = memmem(line, len, key, sizeof(key) - 1);
	if (p == NULL)
		return;
	p += sizeof(key) - 1;
	for (q = p; q < line + len && *q != '"'; q++)
		if (*q == '\\')
			q++;
	if (q >= line + len || q == p)
		return;
	n = snprintf(data, sizeof(data), "\"text\":\"%.*s\"", (int)(q - p),
	    p);
	if (n > 0 && (size_t)n < sizeof(data))
		turn_event(t, "text_delta", data, (size_t)n);
}

static size_t
on_upstream(char *buf, size_t size, size_t count, void *arg)
{
	struct turn *t = arg;
	size_t left = size * count, n;
	char *nl;

	if (t->gone)
		return 0;
	while (left > 0) {
		nl = memchr(buf, '\n', left);
		n = nl != NULL ? (size_t)(nl - buf) : left;
		if (t->line_len + n > sizeof(t->line))
			return 0;
		if (nl != NULL && t->line_len == 0) {
			turn_line(t, buf, n);
		} else {
			memcpy(t->line + t->line_len, buf, n);
			t->line_len += n;
			if (nl != NULL)
				turn_line(t, t->line, t->line_len);
		}
		if (nl != NULL) {
			t->line_len = 0;
			n++;
		}
		buf += n;
		left -= n;
	}
	return size * count;
}

static void
turn_end(struct turn *t, bool ok)
{
	static const char last[] = "\"phase\":\"completed\"";
	struct evhttp_connection *evcon;
	struct relay *r = t->relay;

	evcon = evhttp_request_get_connection(t->req);
	if (evcon != NULL)
		evhttp_connection_set_closecb(evcon, NULL, NULL);
	if (ok && t->done && !t->gone)
		turn_event(t, "thread_lifecycle", last, sizeof(last) - 1);
	if (t->started)
		evhttp_send_reply_end(t->req);
	else
		evhttp_send_error(t->req, 502, NULL);
	if (r->pooled < POOL_MAX)
		r->pool[r->pooled++] = t->easy;
	else
		curl_easy_cleanup(t->easy);
	free(t);
}

static void
relay_reap(struct relay *r)
{
	struct turn *t;
	CURLMsg *msg;
	CURL *easy;
	CURLcode rc;
	int left;

	while ((msg = curl_multi_info_read(r->multi, &left)) != NULL) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		easy = msg->easy_handle;
		rc = msg->data.result;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
		curl_multi_remove_handle(r->multi, easy);
		if (rc != CURLE_OK && !t->gone)
			fprintf(stderr, "bare-relay: upstream: %s\n",
			    curl_easy_strerror(rc));
		turn_end(t, rc == CURLE_OK);
	}
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	struct relay *r = w->relay;
	int running, mask = 0;

	if (what & EV_READ)
		mask |= CURL_CSELECT_IN;
	if (what & EV_WRITE)
		mask |= CURL_CSELECT_OUT;
	curl_multi_socket_action(r->multi, fd, mask, &running);
	relay_reap(r);
}

static int
on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *sockp)
{
	struct relay *r = arg;
	struct watch *w = sockp;
	short mask = EV_PERSIST;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL) {
			event_del(&w->ev);
			free(w);
			curl_multi_assign(r->multi, fd, NULL);
		}
		return 0;
	}
	if (w != NULL) {
		event_del(&w->ev);
	} else {
		w = calloc(1, sizeof(*w));
		if (w == NULL)
			return -1;
		w->relay = r;
		curl_multi_assign(r->multi, fd, w);
	}
	if (what & CURL_POLL_IN)
		mask |= EV_READ;
	if (what & CURL_POLL_OUT)
		mask |= EV_WRITE;
	if (event_assign(&w->ev, r->base, fd, mask, on_socket, w) != 0 ||
	    event_add(&w->ev, NULL) != 0)
		return -1;
	return 0;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;
	int running;

	(void)fd;
	(void)what;
	curl_multi_socket_action(r->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	relay_reap(r);
}

static int
on_curl_timer(CURLM *multi, long ms, void *arg)
{
	struct relay *r = arg;
	struct timeval tv;

	(void)multi;
	if (ms < 0)
		return event_del(r->timer);
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	return event_add(r->timer, &tv);
}

static CURL *
relay_easy(struct relay *r)
{
	CURL *e;

	if (r->pooled > 0)
		return r->pool[--r->pooled];
	e = curl_easy_init();
	if (e == NULL)
		return NULL;
	curl_easy_setopt(e, CURLOPT_URL, r->url);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, r->headers);
	curl_easy_setopt(e, CURLOPT_POST, 1L);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 2048L);
	curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
	curl_easy_setopt(e, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_upstream);
	return e;
}

static void
on_execute(struct evhttp_request *req, void *arg)
{
	struct evkeyvalq *head = evhttp_request_get_output_headers(req);
	struct evbuffer *in = evhttp_request_get_input_buffer(req);
	const char *json, *message;
	char body[2048];
	struct relay *r = arg;
	struct turn *t = NULL;
	size_t len;
	int n = -1;

	len = evbuffer_get_length(in);
	json = (const char *)evbuffer_pullup(in, -1);
	message = json != NULL ?
	    bench_member(json, len, "message", &len) : NULL;
	/* The message is still escaped: it goes on as it came. */
	if (message != NULL)
		n = snprintf(body, sizeof(body), "{\"model\":\"mock\","
		    "\"stream\":true,\"stream_options\":{\"include_usage\":"
		    "true},\"messages\":[{\"role\":\"user\",\"content\":"
		    "\"%.*s\"}]}", (int)len, message);
	if (n < 0 || (size_t)n >= sizeof(body)) {
		evhttp_send_error(req, 400, NULL);
		return;
	}
	t = calloc(1, sizeof(*t));
	if (t == NULL || (t->easy = relay_easy(r)) == NULL) {
		free(t);
		evhttp_send_error(req, 503, NULL);
		return;
	}
	t->relay = r;
	t->req = req;
	evhttp_add_header(head, "Content-Type", "text/event-stream");
	evhttp_connection_set_closecb(evhttp_request_get_connection(req),
	    on_client_gone, t);
	curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS, body);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	if (curl_multi_add_handle(r->multi, t->easy) != CURLM_OK)
		turn_end(t, false);
}

static void
events_more(struct evhttp_connection *evcon, void *arg)
{
	struct events_reply *e = arg;
	struct evbuffer *out = e->relay->out;
	unsigned i;

	(void)evcon;
	for (i = 0; i < EVENTS_A_CHUNK && e->sent < e->total; i++)
		evbuffer_add_printf(out, "id: %" PRIu64 "\nevent: text_delta\n"
		    "data: {\"text\":\"t1234567890123 \",\"timestamp\":"
		    "\"2026-04-27T12:34:56.000Z\"}\n\n", ++e->sent);
	if (i > 0) {
		evhttp_send_reply_chunk_with_cb(e->req, out, events_more, e);
		return;
	}
	evhttp_send_reply_end(e->req);
	free(e);
}

static void
on_events(struct evhttp_request *req, void *arg)
{
	struct evkeyvalq *head = evhttp_request_get_output_headers(req);
	const char *query, *text = NULL;
	struct events_reply *e;
	struct evkeyvalq args;
	uint64_t total = 0;

	query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));
	if (query != NULL && evhttp_parse_query_str(query, &args) == 0) {
		text = evhttp_find_header(&args, "n");
		if (text != NULL)
			total = strtoull(text, NULL, 10);
		evhttp_clear_headers(&args);
	}
	e = total > 0 ? calloc(1, sizeof(*e)) : NULL;
	if (e == NULL) {
		evhttp_send_error(req, 400, "n wanted");
		return;
	}
	e->req = req;
	e->relay = arg;
	e->total = total;
	evhttp_add_header(head, "Content-Type", "text/event-stream");
	evhttp_send_reply_start(req, 200, "OK");
	events_more(NULL, e);
}

static void
on_small(struct evhttp_request *req, void *arg)
{
	static const char json[] = "{\"status\":\"ok\",\"uptime_seconds\":"
	    "12.5,\"subsystems\":{\"database\":\"ok\",\"llm_provider\":"
	    "\"ok\",\"asset_directory\":\"ok\"}}";
	struct relay *r = arg;

	evhttp_add_header(evhttp_request_get_output_headers(req),
	    "Content-Type", "application/json");
	if (evbuffer_add(r->out, json, sizeof(json) - 1) != 0) {
		evhttp_send_error(req, 503, NULL);
		return;
	}
	evhttp_send_reply(req, 200, "OK", r->out);
}

static void
on_term(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	event_base_loopbreak(arg);
}

static void
relay_init(struct relay *r, unsigned *port)
{
	struct event_config *cfg;
	int fd;

	cfg = event_config_new();
	if (cfg == NULL || event_config_set_flag(cfg,
	    EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) != 0 ||
	    (r->base = event_base_new_with_config(cfg)) == NULL)
		bench_die("cannot start the event loop");
	event_config_free(cfg);
	r->http = evhttp_new(r->base);
	r->out = evbuffer_new();
	r->timer = evtimer_new(r->base, on_timer, r);
	r->multi = curl_multi_init();
	r->headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (r->http == NULL || r->out == NULL || r->timer == NULL ||
	    r->multi == NULL || r->headers == NULL)
		bench_die("out of memory");
	curl_multi_setopt(r->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	curl_multi_setopt(r->multi, CURLMOPT_SOCKETDATA, r);
	curl_multi_setopt(r->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	curl_multi_setopt(r->multi, CURLMOPT_TIMERDATA, r);
	curl_multi_setopt(r->multi, CURLMOPT_MAXCONNECTS, (long)POOL_MAX);
	evhttp_set_max_headers_size(r->http, 16384);
	evhttp_set_max_body_size(r->http, REQUEST_MAX);
	evhttp_set_cb(r->http, "/execute", on_execute, r);
	evhttp_set_cb(r->http, "/events", on_events, r);
	evhttp_set_gencb(r->http, on_small, r);
	fd = bench_listen(port);
	if (evhttp_accept_socket(r->http, fd) != 0)
		bench_die("cannot accept on the socket");
}

static void
write_port(unsigned port)
{
	const char *path = getenv("ENGINE_PORT_FILE");
	FILE *f;

	if (path != NULL && *path != '\0') {
		f = fopen(path, "we");
		if (f == NULL || fprintf(f, "%u\n", port) < 0 ||
		    fclose(f) != 0)
			bench_die("cannot write %s: %s", path,
			    strerror(errno));
	}
	printf("%u\n", port);
	fflush(stdout);
}

static const char usage[] =
"usage: bare-relay [--port N] [--upstream URL] [--seconds N]\n"
"The least relay that evhttp and libcurl can make: a benchmark's yardstick.\n"
"Prints its port as one line and serves on 127.0.0.1 until SIGTERM.\n"
"  --port N        port to listen on (default: ENGINE_PORT, else any)\n"
"  --upstream URL  API root of the provider, as http://127.0.0.1:1234/v1\n"
"                  (default: LLM_BASE_URL)\n"
"  --seconds N     end after so long in any case (3600)\n"
"ENGINE_PORT_FILE names a file that receives the port too.\n";

int
main(int argc, char **argv)
{
	static const struct option opts[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "upstream", required_argument, NULL, 'u' },
		{ "seconds", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	const char *upstream = getenv("LLM_BASE_URL"), *env;
	static struct relay r;
	unsigned port = 0, seconds = 3600;
	struct event *term;
	int c;

	env = getenv("ENGINE_PORT");
	if (env != NULL)
		port = (unsigned)bench_number("ENGINE_PORT", env, 0, 65535);
	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (c == 'p')
			port = (unsigned)bench_number("--port", optarg, 0,
			    65535);
		else if (c == 'u')
			upstream = optarg;
		else if (c == 's')
			seconds = (unsigned)bench_number("--seconds", optarg,
			    1, 86400);
		else
			bench_usage(usage, c == 'h' ? 0 : 2);
	}
	if (optind != argc || upstream == NULL)
		bench_usage(usage, 2);
	c = snprintf(r.url, sizeof(r.url), "%s/chat/completions", upstream);
	if (c < 0 || (size_t)c >= sizeof(r.url))
		bench_die("the upstream's URL is too long");
	bench_init();
	alarm(seconds);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		bench_die("cannot start libcurl");
	relay_init(&r, &port);
	term = evsignal_new(r.base, SIGTERM, on_term, r.base);
	if (term == NULL || event_add(term, NULL) != 0)
		bench_die("out of memory");
	write_port(port);
	event_base_dispatch(r.base);
	/* The process ends here: turns in flight are the kernel's to close. */
	return 0;
}
