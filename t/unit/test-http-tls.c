/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-http-tls.c - certificates are verified: the authority and the name.
 * And HTTP/2, with which event streams once lost their last events. The
 * servers are openssl(1) and nginx(8); what is missing is skipped.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "http-got.h"
#include "tap.h"

static char dir[] = "/tmp/test-http-tls-XXXXXX";

/*
 * Starts a program; its standard output is *out (or /dev/null). It ends with
 * us, also when a sanitizer ends us.
 */
static pid_t
run(const char *name, char *const argv[], int *out)
{
	int p[2] = { -1, -1 }, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid;

	if (null < 0 || (out != NULL && pipe2(p, O_CLOEXEC) != 0))
		abort();
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (dup2(null, 0) == 0 && dup2(null, 2) == 2 &&
		    dup2(out != NULL ? p[1] : null, 1) == 1)
			(void)execvp(name, argv);
		_exit(127);
	}
	(void)close(null);
	if (out != NULL) {
		(void)close(p[1]);
		*out = p[0];
	}
	return pid;
}

/* 1 when the program can be run. */
static int
have(const char *name)
{
	char *argv[] = { (char *)name, "-v", NULL };
	pid_t pid = run(name, argv, NULL);
	int st = 0;

	return pid > 0 && waitpid(pid, &st, 0) == pid &&
	    !(WIFEXITED(st) && WEXITSTATUS(st) == 127);
}

static int
make_cert(char *key, char *cert)
{
	char *argv[] = { "openssl", "req", "-x509", "-newkey", "ec",
		"-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
		"-keyout", key, "-out", cert, "-days", "2", "-subj",
		"/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
		NULL };
	pid_t pid = run("openssl", argv, NULL);
	int st = 1;

	return pid > 0 && waitpid(pid, &st, 0) == pid && st == 0 ? 0 : -1;
}

/* The port from "ACCEPT 127.0.0.1:4433"; 0: there is none. */
static int
read_port(int fd)
{
	char line[256];
	FILE *f = fdopen(fd, "r");
	int port = 0;
	char *colon;

	if (f == NULL)
		return 0;
	while (port == 0 && fgets(line, sizeof line, f) != NULL) {
		colon = strrchr(line, ':');
		if (strncmp(line, "ACCEPT", 6) == 0 && colon != NULL)
			port = (int)strtol(colon + 1, NULL, 10);
	}
	/* Left open: a closed pipe would end the server. */
	return port;
}

static void
test_tls(int port, const char *cert)
{
	char url[100];
	struct got *g;

	(void)snprintf(url, sizeof url, "https://localhost:%d/", port);
	fresh(NULL);
	g = fetch(url, 0);
	check(g->st == SEPT_EIO && g->heads == 0, "an unknown authority");
	check(strstr(g->msg, "certificate") != NULL, "the message says so");
	(void)setenv("SSL_CERT_FILE", cert, 1);
	fresh(NULL);
	g = fetch(url, 0);
	if (!check(g->st == SEPT_OK && g->status == 200,
	    "an authority named by the environment"))
		printf("# %s\n", g->msg);
	(void)snprintf(url, sizeof url, "https://127.0.0.1:%d/", port);
	g = fetch(url, 0);
	check(g->st == SEPT_EIO && g->heads == 0, "another name");
	g = fetch(url, SEPT_HTTP_PUBLIC);
	check_int(g->st, SEPT_EDENIED, "the guard comes first");
}

static void
write_file(const char *name, const char *text)
{
	char path[200];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
}

#define EVENTS 20000

/* A stream of EVENTS events as a file; returns its length. */
static size_t
write_stream(void)
{
	size_t n = 0, room = EVENTS * 32;
	char *text = malloc(room);
	int i;

	if (text == NULL)
		abort();
	for (i = 0; i < EVENTS; i++)
		n += (size_t)snprintf(text + n, room - n,
		    "data: {\"n\":%d}\n\n", i);
	write_file("s.sse", text);
	free(text);
	return n;
}

/*
 * nginx takes over a listening socket that the variable NGINX names, so that
 * nobody can take the port in between. *port: where it listens.
 */
static pid_t
nginx(int *port)
{
	char conf[200], text[1500], var[20];
	char *argv[] = { "nginx", "-c", conf, NULL };
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	pid_t pid;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
	    listen(fd, 100) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) != 0)
		abort();
	*port = ntohs(a.sin_port);
	(void)snprintf(conf, sizeof conf, "%s/nginx.conf", dir);
	(void)snprintf(text, sizeof text, "daemon off; worker_processes 1; "
	    "pid %s/pid; error_log %s/log; events {} http { access_log off; "
	    "types { text/event-stream sse; } server { listen 127.0.0.1:%d "
	    "ssl http2; ssl_certificate %s/cert.pem; ssl_certificate_key "
	    "%s/key.pem; root %s; } }\n", dir, dir, *port, dir, dir, dir);
	write_file("nginx.conf", text);
	(void)snprintf(var, sizeof var, "%d;", fd);
	(void)setenv("NGINX", var, 1);
	pid = run("nginx", argv, NULL);
	(void)unsetenv("NGINX");
	(void)close(fd);
	return pid;
}

static void
test_h2(int port, size_t length)
{
	struct sept_http_request q = { .idle_timeout_ms = 5000 };
	struct http_client_stats s;
	static struct got g[12];
	char url[100];
	int i, good = 0;

	(void)snprintf(url, sizeof url, "https://localhost:%d/s.sse", port);
	fresh(NULL);
	send_req(&g[0], url, 0, &q);
	wait_done(&g[0]);
	if (!check(g[0].st == SEPT_OK && g[0].body_n == length, "HTTP/2"))
		printf("# %d %s\n", (int)g[0].st, g[0].msg);
	for (i = 1; i < 12; i++)
		send_req(&g[i], url, 0, &q);
	for (i = 1; i < 12; i++) {
		wait_done(&g[i]);
		good += g[i].st == SEPT_OK && g[i].body_n == length;
	}
	check_int(good, 11, "11 at a time");
	http_client_stats(client, &s);
	check_int(s.connections_opened, 1, "on one connection");
	memset(g, 0, sizeof g);
	for (i = 0; i < 12; i++)
		send_req(&g[i], url, SEPT_HTTP_SSE, &q);
	for (i = 0, good = 0; i < 12; i++) {
		wait_done(&g[i]);
		good += g[i].st == SEPT_OK && g[i].sses == EVENTS;
	}
	check_int(good, 12, "event streams come to their last event");
}

static void
run_h2(void)
{
	static const char *const files[] = { "s.sse", "nginx.conf", "pid",
		"log" };
	size_t length = write_stream(), i;
	char path[200];
	int port, st;
	pid_t pid = have("nginx") ? nginx(&port) : -1;

	if (pid > 0) {
		/* It has the socket already: connections wait for it. */
		test_h2(port, length);
		(void)kill(pid, SIGTERM); /* it ends its workers */
		(void)waitpid(pid, &st, 0);
	} else {
		printf("ok %d - HTTP/2 # SKIP no nginx(8)\n", ++tap_count_);
	}
	for (i = 0; i < sizeof files / sizeof files[0]; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", dir, files[i]);
		(void)unlink(path);
	}
}

int
main(void)
{
	char key[100], cert[100], *path;
	char *argv[] = { "openssl", "s_server", "-www", "-accept",
		"127.0.0.1:0", "-cert", cert, "-key", key, NULL };
	int fd = -1, port;
	pid_t pid;

	tap_start(60);
	if (getenv("PATH") == NULL ||
	    asprintf(&path, "%s:/usr/sbin", getenv("PATH")) < 0)
		abort();
	(void)setenv("PATH", path, 1);
	free(path);
	/* Under root the workers of nginx are somebody else. */
	if (mkdtemp(dir) == NULL || chmod(dir, 0755) != 0)
		abort();
	(void)snprintf(key, sizeof key, "%s/key.pem", dir);
	(void)snprintf(cert, sizeof cert, "%s/cert.pem", dir);
	if (make_cert(key, cert) != 0) {
		(void)rmdir(dir);
		printf("1..0 # SKIP no openssl(1)\n");
		return 0;
	}
	pid = run("openssl", argv, &fd);
	port = pid > 0 ? read_port(fd) : 0;
	check(port > 0, "a TLS server");
	got_start();
	if (port > 0) {
		test_tls(port, cert);
		run_h2();
	}
	got_stop();
	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	(void)unlink(key);
	(void)unlink(cert);
	(void)rmdir(dir);
	return tap_done();
}
