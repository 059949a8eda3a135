/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_client_hop.c - one exchange with one server: may it be talked to, the
 * options for libcurl, and what a redirect changes.
 *
 * Redirects are followed here and not by libcurl, because each hop must pass
 * the policy again, may move to another pool, and drops more credentials
 * than libcurl knows of.
 *
 * Proxies: requests of POOL_PLAIN obey HTTPS_PROXY, http_proxy, ALL_PROXY and
 * NO_PROXY of the environment, as libcurl does. Guarded requests never use
 * one: the address that a proxy dials cannot be checked.
 *
 * Certificates are always verified, against the system's authorities or those
 * of SSL_CERT_FILE and SSL_CERT_DIR, OpenSSL's own variables, which libcurl
 * by itself does not read.
 */
#include "http_client_internal.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "../base/clock.h"
#include "netguard.h"

#define REDIRECTS 5          /* unless the request says otherwise */
#define REDIRECTS_MAX 20     /* guarded requests: REDIRECTS */
#define CONNECT_MS 30000L
#define SSE_BUFFER 2048L     /* memory of 1,000 quiet streams */
#define DATA_BUFFER 65536L   /* more than one read of libcurl's HTTP/2 */
#define UPLOAD_BUFFER 16384L

static int
is_guarded(const struct sept_http *h)
{
	return (h->req.flags & (SEPT_HTTP_PUBLIC | SEPT_HTTP_TOOL)) != 0;
}

/* The parts of a parsed URL; -1: out of memory. */
static int
read_parts(CURLU *u, char **url, char **host, char **origin)
{
	char *scheme = NULL, *port = NULL, *c_url = NULL, *c_host = NULL;
	int n, r = -1;

	if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) !=
	    CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &c_host, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_URL, &c_url, 0) != CURLUE_OK)
		goto out;
	*url = strdup(c_url);
	*host = strdup(c_host);
	n = asprintf(origin, "%s://%s:%s", scheme, c_host, port);
	if (n < 0)
		*origin = NULL;
	if (*url != NULL && *host != NULL && *origin != NULL)
		r = 0;
out:
	curl_free(scheme);
	curl_free(port);
	curl_free(c_host);
	curl_free(c_url);
	return r;
}

static int
scheme_allowed(CURLU *u)
{
	char *scheme = NULL;
	int ok;

	ok = curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    (strcasecmp(scheme, "http") == 0 ||
	    strcasecmp(scheme, "https") == 0);
	curl_free(scheme);
	return ok;
}

/*
 * Makes url (relative to the hop before, if there was one) the current one.
 * 0, also when its scheme is refused, which ends h; -1 and e when it is no
 * URL. A user name in it is an error: it would end up in logs and messages.
 */
static int
set_url(struct sept_http *h, const char *url, struct err *e)
{
	CURLU *u = curl_url();
	char *full = NULL, *host = NULL, *origin = NULL;
	CURLUcode rc = CURLUE_OK;
	int r = -1;

	if (u == NULL)
		return err_nomem(e);
	if (h->url != NULL)
		rc = curl_url_set(u, CURLUPART_URL, h->url, 0);
	if (rc == CURLUE_OK)
		rc = curl_url_set(u, CURLUPART_URL, url,
		    CURLU_NON_SUPPORT_SCHEME | CURLU_DISALLOW_USER |
		    (h->url != NULL ? CURLU_URLENCODE : 0));
	if (rc == CURLUE_OK)
		rc = curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
	if (rc != CURLUE_OK) {
		err_field(e, "url", "bad URL: %s", curl_url_strerror(rc));
		goto out;
	}
	if (!scheme_allowed(u)) {
		req_end(h, SEPT_EDENIED, "only http and https are allowed");
		r = 0;
		goto out;
	}
	if (read_parts(u, &full, &host, &origin) != 0) {
		err_nomem(e);
		goto out;
	}
	free(h->url);
	free(h->host);
	free(h->origin);
	h->url = full;
	h->host = host;
	h->origin = origin;
	full = host = origin = NULL;
	r = 0;
out:
	free(full);
	free(host);
	free(origin);
	curl_url_cleanup(u);
	return r;
}

int
hop_first(struct sept_http *h, const char *url, struct err *e)
{
	return set_url(h, url, e);
}

/* Which pool the current URL belongs to; NULL: refused, h has ended. */
static struct curl_pool *
choose_pool(struct sept_http *h)
{
	struct http_client *c = h->client;

	if ((h->req.flags & SEPT_HTTP_TOOL) && c->allow != NULL) {
		if (netguard_listed(c->allow, h->host))
			return &c->pools[POOL_LISTED];
		req_end(h, SEPT_EDENIED, "the host %.100s is not among those "
		    "that may be reached", h->host);
		return NULL;
	}
	return &c->pools[is_guarded(h) ? POOL_PUBLIC : POOL_PLAIN];
}

/*
 * CURLOPT_OPENSOCKETFUNCTION: the last point before a connection, with the
 * very address that is going to be dialled.
 */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct sept_http *h = arg;
	char text[NI_MAXHOST];

	(void)purpose;
	if (h->pool == &h->client->pools[POOL_PUBLIC] &&
	    !netguard_public(&a->addr)) {
		if (getnameinfo(&a->addr, a->addrlen, text, sizeof text, NULL,
		    0, NI_NUMERICHOST) != 0)
			(void)snprintf(text, sizeof text, "unknown");
		(void)snprintf(h->denied, sizeof h->denied, "the address "
		    "%.60s of %.60s is not a public one", text, h->host);
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

#define SET(o, v) \
	do { \
		if (rc == CURLE_OK) \
			rc = curl_easy_setopt(h->easy, (o), (v)); \
	} while (0)

static CURLcode
set_method(struct sept_http *h)
{
	CURLcode rc = CURLE_OK;

	if (strcmp(h->method, "HEAD") == 0) {
		SET(CURLOPT_NOBODY, 1L);
		return rc;
	}
	if (h->body_n > 0 || strcmp(h->method, "POST") == 0 ||
	    strcmp(h->method, "PUT") == 0 ||
	    strcmp(h->method, "PATCH") == 0) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)h->body_n);
		SET(CURLOPT_POSTFIELDS, h->body != NULL ? h->body : "");
	}
	SET(CURLOPT_CUSTOMREQUEST, h->method);
	return rc;
}

static CURLcode
set_network(struct sept_http *h)
{
	int sse = (h->req.flags & SEPT_HTTP_SSE) != 0;
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	/*
	 * Event streams stay with HTTP/1.1. With a buffer smaller than what
	 * one read of HTTP/2 brought (libcurl 7.88) the rest lies in libcurl
	 * until the socket has more to say, so the last events of a stream
	 * come late or never. It also keeps a slow reader from holding up
	 * the other streams of its connection.
	 */
	SET(CURLOPT_HTTP_VERSION, sse ? (long)CURL_HTTP_VERSION_1_1 :
	    (long)CURL_HTTP_VERSION_2TLS);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TCP_NODELAY, 1L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, h);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* Or an abort waits on the loop for the resolver's thread. */
	SET(CURLOPT_QUICK_EXIT, 1L);
#endif
	if (h->client->ca_file != NULL)
		SET(CURLOPT_CAINFO, h->client->ca_file);
	if (h->client->ca_dir != NULL)
		SET(CURLOPT_CAPATH, h->client->ca_dir);
	if (is_guarded(h))
		SET(CURLOPT_PROXY, "");
	return rc;
}

static int
has_header(const struct sept_http *h, const char *name)
{
	const struct curl_slist *s;
	size_t n = strlen(name);

	for (s = h->headers; s != NULL; s = s->next)
		if (strncasecmp(s->data, name, n) == 0 &&
		    (s->data[n] == ':' || s->data[n] == ';'))
			return 1;
	return 0;
}

static CURLcode
set_all(struct sept_http *h)
{
	int sse = (h->req.flags & SEPT_HTTP_SSE) != 0;
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_PRIVATE, h);
	SET(CURLOPT_ERRORBUFFER, h->curl_text);
	SET(CURLOPT_URL, h->url);
	SET(CURLOPT_HTTPHEADER, h->headers);
	SET(CURLOPT_HEADERFUNCTION, reply_header);
	SET(CURLOPT_HEADERDATA, h);
	SET(CURLOPT_WRITEFUNCTION, reply_body);
	SET(CURLOPT_WRITEDATA, h);
	/*
	 * A compressor would hold back events. The caller's own header means
	 * that the caller decodes.
	 */
	if (!has_header(h, "Accept-Encoding"))
		SET(CURLOPT_ACCEPT_ENCODING, sse ? "identity" :
		    "gzip, deflate");
	if (h->client->user_agent != NULL && !has_header(h, "User-Agent"))
		SET(CURLOPT_USERAGENT, h->client->user_agent);
	if (rc == CURLE_OK)
		rc = set_network(h);
	return rc != CURLE_OK ? rc : set_method(h);
}

static int
set_buffers(CURL *easy, long size)
{
	return curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, size) == CURLE_OK &&
	    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER)
	    == CURLE_OK;
}

/*
 * A handle whose transfer left a shared connection may still own its buffer
 * (libcurl 7.88). It then refuses another size, but curl_easy_reset() has
 * made it believe in the default one: used again it would write past the end.
 * So the refusal is the sign to throw it away.
 */
static CURL *
take_easy(struct http_client *c, long buffer)
{
	CURL *easy;

	while (c->easy_n > 0) {
		easy = c->easy[--c->easy_n];
		if (set_buffers(easy, buffer))
			return easy;
		curl_easy_cleanup(easy);
	}
	easy = curl_easy_init();
	if (easy != NULL && !set_buffers(easy, buffer)) {
		curl_easy_cleanup(easy);
		easy = NULL;
	}
	return easy;
}

void
hop_release(struct sept_http *h)
{
	struct http_client *c = h->client;
	long opened = 0;

	if (h->easy == NULL)
		return;
	if (curl_easy_getinfo(h->easy, CURLINFO_NUM_CONNECTS, &opened) ==
	    CURLE_OK && opened > 0)
		c->stats.connections_opened += (uint64_t)opened;
	if (h->added)
		(void)curl_multi_remove_handle(h->pool->multi, h->easy);
	h->added = 0;
	/* A handle is kept after a good end only: others hold on to things. */
	if (h->easy_good && c->easy_n < EASY_KEEP) {
		/* Now, so that no pointer of h stays in it. */
		curl_easy_reset(h->easy);
		c->easy[c->easy_n++] = h->easy;
	} else {
		curl_easy_cleanup(h->easy);
	}
	h->easy = NULL;
}

void
hop_start(struct sept_http *h)
{
	CURLcode rc;

	h->pool = choose_pool(h);
	if (h->pool == NULL)
		return;
	reply_reset(h);
	h->denied[0] = h->curl_text[0] = '\0';
	h->moved = 0;
	h->last_ns = clock_mono_ns();
	h->easy = take_easy(h->client, h->req.flags & SEPT_HTTP_SSE ?
	    SSE_BUFFER : DATA_BUFFER);
	h->easy_good = 0;
	rc = h->easy != NULL ? set_all(h) : CURLE_OUT_OF_MEMORY;
	if (rc == CURLE_OK && curl_multi_add_handle(h->pool->multi, h->easy)
	    != CURLM_OK)
		rc = CURLE_OUT_OF_MEMORY;
	if (rc != CURLE_OK) {
		req_end(h, rc == CURLE_OUT_OF_MEMORY ? SEPT_ENOMEM :
		    SEPT_EIO, "%s", curl_easy_strerror(rc));
		return;
	}
	h->added = 1;
	h->state = REQ_RUNNING;
	h->pool->kick = 1;
}

static int
starts_with(const char *s, const char *prefix)
{
	return strncasecmp(s, prefix, strlen(prefix)) == 0;
}

/*
 * By name, and rather one too many: Authorization, Cookie, x-api-key,
 * x-goog-api-key, X-Subscription-Token, Mcp-Session-Id, ...
 */
static int
is_credential(const char *line)
{
	static const char *const marks[] = { "auth", "cookie", "key",
		"token", "secret", "session", "password", "credential" };
	size_t n = strcspn(line, ":;"), i, k, at;

	for (i = 0; i < sizeof marks / sizeof marks[0]; i++) {
		k = strlen(marks[i]);
		for (at = 0; at + k <= n; at++)
			if (strncasecmp(line + at, marks[i], k) == 0)
				return 1;
	}
	return 0;
}

static int
is_content(const char *line)
{
	return starts_with(line, "Content-");
}

/* Unlinks the headers that the test names. */
static void
drop_headers(struct sept_http *h, int (*test)(const char *))
{
	struct curl_slist **at = &h->headers, *s;

	while ((s = *at) != NULL) {
		if (!test(s->data)) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		s->next = NULL;
		curl_slist_free_all(s);
	}
}

/* Fetch standard, 4.4 step 12; a HEAD stays one. */
static int
becomes_get(const struct sept_http *h)
{
	if (h->status == 303)
		return strcmp(h->method, "GET") != 0 &&
		    strcmp(h->method, "HEAD") != 0;
	return (h->status == 301 || h->status == 302) &&
	    strcmp(h->method, "POST") == 0;
}

static int
redirects_allowed(const struct sept_http *h)
{
	unsigned most = is_guarded(h) ? REDIRECTS : REDIRECTS_MAX;
	unsigned want = h->req.max_redirects;

	if (want == 0)
		return REDIRECTS;
	return (int)(want < most ? want : most);
}

/* h->location is the next hop's URL. */
static void
redirect(struct sept_http *h)
{
	char *before = h->origin;
	struct err e;

	if (++h->hops > (unsigned)redirects_allowed(h)) {
		req_end(h, SEPT_EIO, "more than %d redirects",
		    redirects_allowed(h));
		return;
	}
	h->origin = NULL;
	if (set_url(h, h->location, &e) != 0)
		req_end(h, SEPT_EIO, "cannot follow the redirect: %s",
		    e.text);
	if (h->state == REQ_ENDED) {
		free(before);
		return;
	}
	/* Once gone they stay gone, even if a later hop leads back. */
	if (strcasecmp(before, h->origin) != 0)
		drop_headers(h, is_credential);
	free(before);
	if (becomes_get(h)) {
		memcpy(h->method, "GET", 4);
		free(h->body);
		h->body = NULL;
		h->body_n = 0;
		drop_headers(h, is_content);
	}
	h->state = REQ_HOP_END;
}

static sept_status
status_from(CURLcode rc)
{
	switch (rc) {
	case CURLE_OPERATION_TIMEDOUT:
		return SEPT_ETIMEOUT;
	case CURLE_OUT_OF_MEMORY:
		return SEPT_ENOMEM;
	default:
		return SEPT_EIO;
	}
}

void
hop_done(struct sept_http *h, CURLcode rc)
{
	h->easy_good = rc == CURLE_OK;
	req_wake(h);
	if (h->state != REQ_RUNNING)
		return;
	if (h->redirecting)
		redirect(h);
	else if (rc == CURLE_OK && h->head_done)
		req_end(h, SEPT_OK, "%s", "");
	else if (rc == CURLE_OK)
		/* libcurl is content with a head that was cut off. */
		req_end(h, SEPT_EIO, "the reply ended within its head");
	else if (h->denied[0] != '\0')
		req_end(h, SEPT_EDENIED, "%s", h->denied);
	else
		req_end(h, status_from(rc), "%s", h->curl_text[0] != '\0' ?
		    h->curl_text : curl_easy_strerror(rc));
}
