/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-config.c - the configuration: defaults, the environment over the file,
 * and one line for each thing that is wrong.
 */
#include <sys/stat.h>

#include "../../core/main-config.h"
#include "tap.h"

static struct config c;
static struct err e;

static void
clean(void)
{
	static const char *const names[] = { "ENGINE_API_KEY",
		"ENGINE_KEY_HASH", "ENGINE_PORT", "ALLOWED_ROOTS",
		"ENGINE_ENV_FILE", "SQLITE_DB_PATH", "LLM_MODEL",
		"TOKEN_BUDGET_ENABLED", "XDG_DATA_HOME",
		"BAP_KEY_ROTATION_MIN_OVERLAP_SECONDS" };
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		(void)unsetenv(names[i]);
	(void)setenv("HOME", "/home/nobody", 1);
}

/* Loads; the error's text, or NULL when it went well. */
static const char *
load(void)
{
	config_free(&c);
	err_clear(&e);
	return config_load(&c, &e) == 0 ? NULL : e.text;
}

static const char *
with(const char *name, const char *value)
{
	const char *r;

	clean();
	(void)setenv("ENGINE_API_KEY", "k", 1);
	(void)setenv(name, value, 1);
	r = load();
	(void)unsetenv(name);
	return r;
}

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
}

static void
test_key(void)
{
	char hash[65];

	clean();
	check(load() != NULL && strstr(e.text, "ENGINE_API_KEY") != NULL,
	    "no key: the line names the variable");
	(void)setenv("ENGINE_API_KEY", "abc", 1);
	check(load() == NULL, "a key");
	check_str(c.key_hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a"
	    "9cb410ff61f20015ad", "is kept as its SHA-256");
	memcpy(hash, c.key_hash, sizeof hash);
	hash[0] = 'B';
	(void)setenv("ENGINE_KEY_HASH", hash, 1);
	check(load() != NULL && strstr(e.text, "not both") != NULL,
	    "key and hash");
	(void)unsetenv("ENGINE_API_KEY");
	check(load() == NULL && c.key_hash[0] == 'b', "a hash, either case");
	hash[5] = 'x';
	(void)setenv("ENGINE_KEY_HASH", hash, 1);
	check(load() != NULL && strstr(e.text, "ENGINE_KEY_HASH") != NULL,
	    "not hex digits");
}

static void
test_values(void)
{
	check(with("ENGINE_PORT", "0") == NULL && c.port == 0, "port 0");
	check(with("ENGINE_PORT", "65536") != NULL &&
	    strncmp(e.text, "ENGINE_PORT", 11) == 0, "port too high");
	check(with("ENGINE_PORT", "80x") != NULL, "port with a letter");
	check(with("ENGINE_PORT", "") == NULL && c.port == 8000,
	    "empty is unset");
	check(with("TOKEN_BUDGET_ENABLED", "yes") != NULL &&
	    strstr(e.text, "TOKEN_BUDGET_ENABLED") != NULL,
	    "flags are true or false");
	check(with("ALLOWED_ROOTS", "/a,b") != NULL, "a relative root");
	check(with("ALLOWED_ROOTS", "/a/b,/c") == NULL, "roots");
	check_str(c.workspace, "/a/b", "the first is the workspace");
	check_int(c.workspace_shared, 1, "of all tasks");
	check(with("BAP_KEY_ROTATION_MIN_OVERLAP_SECONDS", "301") != NULL,
	    "least overlap above the greatest");
	check(with("XDG_DATA_HOME", "/xdg") == NULL, "data directory");
	check_str(c.db_path, "/xdg/september-engine/brain.db", "brain");
	check_str(c.workspace, "/xdg/september-engine/workspace",
	    "workspace");
	check_str(c.provider, "scripted", "the backend needs no network");
}

static void
test_file(void)
{
	char dir[] = "/tmp/sept-config-XXXXXX", path[64];

	if (mkdtemp(dir) == NULL)
		abort();
	(void)snprintf(path, sizeof path, "%s/env", dir);
	write_file(path, "# comment\n\nexport LLM_MODEL = \"a b\"\n"
	    "ENGINE_PORT=99\n");
	clean();
	(void)setenv("ENGINE_API_KEY", "k", 1);
	(void)setenv("ENGINE_ENV_FILE", path, 1);
	(void)setenv("ENGINE_PORT", "98", 1);
	check(load() == NULL, "a file");
	check_str(c.model, "a b", "quotes, export and blanks");
	check_int(c.port, 98, "the environment wins");
	write_file(path, "ENGINE_PORT\n");
	check(load() != NULL && strstr(e.text, ":1:") != NULL,
	    "a bad line is named by its number");
	(void)unlink(path);
	check(load() != NULL && strstr(e.text, "ENGINE_ENV_FILE") != NULL,
	    "a named file must be there");
	(void)rmdir(dir);
}

int
main(void)
{
	tap_start(30);
	test_key();
	test_values();
	test_file();
	config_free(&c);
	return tap_done();
}
