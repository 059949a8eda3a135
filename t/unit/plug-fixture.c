/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plug-fixture.c - see the header. The built test plugins are found by
 * SEPT_BUILDDIR, or below the working directory.
 */
#include "plug-fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/base/clock.h"

static json_t *
configure(void *user, const char *id)
{
	struct fix *f = user;

	(void)id;
	return f->config != NULL ? json_loads(f->config, 0, NULL) : NULL;
}

static const char *
secret(void *user, const char *name)
{
	(void)user;
	if (strcmp(name, "TEST_KEY") == 0)
		return "open sesame";
	return strcmp(name, "OTHER_KEY") == 0 ? "not for you" : NULL;
}

void
fix_init(struct fix *f)
{
	struct plug_config cfg = { .user = f };

	memset(f, 0, sizeof *f);
	(void)snprintf(f->dir, sizeof f->dir, "/tmp/sept-plug-XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		abort();
	(void)snprintf(f->plugins, sizeof f->plugins, "%s/plugins", f->dir);
	(void)snprintf(f->state, sizeof f->state, "%s/state", f->dir);
	if (mkdir(f->plugins, 0755) != 0)
		abort();
	f->loop = loop_new(NULL);
	if (f->loop == NULL)
		abort();
	f->pool = pool_new(f->loop, 12, 64, NULL);
	f->http = http_client_new(f->loop, NULL, NULL);
	cfg.loop = f->loop;
	cfg.pool = f->pool;
	cfg.http = f->http;
	cfg.path = f->plugins;
	cfg.state_dir = f->state;
	cfg.configure = configure;
	cfg.secret = secret;
	cfg.default_timeout_ms = 60000;
	f->plug = plug_new(&cfg, NULL);
	if (f->pool == NULL || f->plug == NULL)
		abort();
}

static void
remove_all(const char *dir)
{
	struct dirent *de;
	DIR *d = opendir(dir);

	while (d != NULL && (de = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), de->d_name, 0);
	if (d != NULL)
		(void)closedir(d);
	(void)rmdir(dir);
}

void
fix_fini(struct fix *f)
{
	plug_free(f->plug);
	pool_free(f->pool);
	http_client_free(f->http);
	loop_free(f->loop);
	remove_all(f->plugins);
	remove_all(f->state);
	(void)rmdir(f->dir);
}

void
fix_install(struct fix *f, const char *name, const char *as)
{
	const char *build = getenv("SEPT_BUILDDIR");
	char from[512], to[256], tmp[256], piece[16384];
	ssize_t n;
	int in, out;

	(void)snprintf(from, sizeof from, "%s/t/plugin/.libs/%s.so",
	    build != NULL ? build : ".", name);
	(void)snprintf(tmp, sizeof tmp, "%s/new", f->plugins);
	(void)snprintf(to, sizeof to, "%s/%s.so", f->plugins, as);
	in = open(from, O_RDONLY);
	out = open(tmp, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	if (in < 0 || out < 0 || fchmod(out, 0755) != 0) {
		perror(from);
		abort();
	}
	while ((n = read(in, piece, sizeof piece)) > 0)
		if (write(out, piece, (size_t)n) != n)
			abort();
	(void)close(in);
	(void)close(out);
	if (rename(tmp, to) != 0)
		abort();
}

void
fix_write(struct fix *f, const char *file, const char *text)
{
	char path[256];
	FILE *o;

	(void)snprintf(path, sizeof path, "%s/%s", f->plugins, file);
	o = fopen(path, "w");
	if (o == NULL || fputs(text, o) < 0 || fclose(o) != 0)
		abort();
}

void
fix_manifest(struct fix *f, const char *as, const char *id,
    const char *caps, const char *more)
{
	char text[1024], file[64];

	(void)snprintf(text, sizeof text, "{\"id\": \"%s\",\n"
	    "\"version\": \"1.0.0\", \"abi\": \"1.0\",\n"
	    "\"file\": \"%s.so\",\n"
	    "\"kinds\": [\"tool\", \"llm\", \"skill\"],\n"
	    "\"capabilities\": [%s],\n"
	    "\"secrets\": [\"TEST_KEY\", \"UNSET_KEY\"]%s}\n", id, as, caps,
	    more);
	(void)snprintf(file, sizeof file, "%s.json", as);
	fix_write(f, file, text);
}

const char *
fix_load(struct fix *f, char *buf, size_t n)
{
	json_t *problems = NULL;
	const char *s;
	struct err e = { .text = "" };

	buf[0] = '\0';
	if (plug_load(f->plug, &problems, &e) != 0) {
		s = json_string_value(json_object_get(json_array_get(problems,
		    0), "message"));
		(void)snprintf(buf, n, "%s", s != NULL ? s : e.text);
		if (buf[0] == '\0')
			abort();
	}
	json_decref(problems);
	return buf;
}

void
fix_good(struct fix *f)
{
	char buf[512];

	fix_init(f);
	fix_install(f, "good-a", "good");
	fix_manifest(f, "good", "test.plugin", FIX_CAPS, "");
	if (*fix_load(f, buf, sizeof buf) != '\0') {
		printf("# %s\n", buf);
		abort();
	}
}

unsigned
fix_state_files(const struct fix *f)
{
	struct dirent *de;
	DIR *d = opendir(f->state);
	unsigned n = 0;

	while (d != NULL && (de = readdir(d)) != NULL)
		n += de->d_name[0] != '.';
	if (d != NULL)
		(void)closedir(d);
	return n;
}

static void
on_event(void *user, const struct sept_event *ev)
{
	struct result *r = user;

	if (r->done)
		r->after_done++;
	if (ev->kind == SEPT_EV_TEXT && ev->index != (uint32_t)r->events)
		r->disorder++;
	r->events++;
	r->bytes += ev->text.n;
	if (r->pause_at > 0 && r->events == r->pause_at)
		plug_call_pause(r->call, 1);
}

static void
on_done(void *user, sept_status status, json_t *json)
{
	struct result *r = user;

	r->done++;
	r->status = status;
	json_decref(r->json);
	r->json = json_incref(json);
	r->call = NULL;
}

void
fix_begin(struct fix *f, struct result *r, const char *tool,
    const char *args, uint32_t timeout_ms, struct err *e)
{
	static const struct plug_call_ops ops = { on_event, on_done };
	struct plug_caller who = { .task_id = "task-1", .turn_id = "turn-1",
		.call_id = "call-1", .workspace = "/w" };
	struct plug_snapshot *s = plug_current(f->plug);
	const struct plug_tool *t = plug_tool_find(s, tool);

	if (t == NULL)
		abort();
	if (timeout_ms != 0)
		who.deadline_ns = clock_mono_ns() +
		    timeout_ms * UINT64_C(1000000);
	r->call = plug_tool_invoke(t, &who, args, strlen(args), &ops, r, e);
	plug_snapshot_unref(s);
}

void
fix_wait(struct fix *f, struct result *r)
{
	while (!r->done)
		loop_turn(f->loop, 1000);
}

const char *
fix_call(struct fix *f, struct result *r, const char *tool)
{
	memset(r, 0, sizeof *r);
	fix_begin(f, r, tool, "{}", 0, NULL);
	if (r->call == NULL)
		abort();
	if (r->done)
		abort(); /* never from inside */
	fix_wait(f, r);
	return result_str(r, "output");
}

const char *
result_str(const struct result *r, const char *key)
{
	const char *s = json_string_value(json_object_get(r->json, key));

	return s != NULL ? s : "";
}

void
result_fini(struct result *r)
{
	json_decref(r->json);
	memset(r, 0, sizeof *r);
}

void
fix_run(struct fix *f, unsigned ms)
{
	uint64_t until = clock_mono_ns() + ms * UINT64_C(1000000);

	while (clock_mono_ns() < until)
		loop_turn(f->loop, 20);
}
