/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin.c - the plugin of the file tools: table, life cycle, dispatch.
 *
 * invoke() runs on the pool and completes before it returns, so there is
 * nothing to quiesce; operations ask whether their call was cancelled.
 */
#include <stdlib.h>
#include <string.h>

#include "files.h"

#define READS (SEPT_TOOL_BLOCKING | SEPT_TOOL_READONLY | \
	SEPT_TOOL_IDEMPOTENT)
#define PATH "\"path\":{\"type\":\"string\",\"minLength\":1," \
	"\"maxLength\":4095,\"description\":"
#define OPEN "{\"type\":\"object\",\"properties\":{"
#define CLOSE(needed) "},\"required\":[" needed "]," \
	"\"additionalProperties\":false}"

struct op {
	struct sept_tool_info info;
	json_t *(*run)(struct job *);
};

static const struct op ops[] = {
	{ { .size = sizeof(struct sept_tool_info), .flags = READS,
	.name = "read_file",
	.description = "Reads a text file, at most 51,200 bytes at once. "
	    "When the file is longer, the last line of the output names the "
	    "offset to go on with. Binary files are refused.",
	.input_schema = OPEN PATH "\"The file; absolute, or relative to the "
	    "workspace.\"},"
	    "\"offset\":{\"type\":\"integer\",\"minimum\":0,\"default\":0,"
	    "\"description\":\"Byte to begin at.\"},"
	    "\"limit\":{\"type\":\"integer\",\"minimum\":1,"
	    "\"maximum\":51200,\"default\":51200,"
	    "\"description\":\"Most bytes to read.\"}" CLOSE("\"path\""),
	.timeout_ms = 30000, .max_parallel = 0 }, op_read },
	{ { .size = sizeof(struct sept_tool_info),
	.flags = SEPT_TOOL_BLOCKING | SEPT_TOOL_IDEMPOTENT |
	    SEPT_TOOL_DESTRUCTIVE,
	.name = "write_file",
	.description = "Writes a file: creates it, with missing parent "
	    "directories, or replaces all of its content. To change a part "
	    "of a file use edit_file.",
	.input_schema = OPEN PATH "\"The file; absolute, or relative to the "
	    "workspace.\"},"
	    "\"content\":{\"type\":\"string\",\"maxLength\":10485760,"
	    "\"description\":\"All of the new content.\"}"
	    CLOSE("\"path\",\"content\""),
	.timeout_ms = 30000, .max_parallel = 0 }, op_write },
	{ { .size = sizeof(struct sept_tool_info),
	.flags = SEPT_TOOL_BLOCKING,
	.name = "edit_file",
	.description = "Replaces a piece of text in a file by another and "
	    "shows the change. old_string must match the file exactly, "
	    "blanks and line ends included, and occur once; with "
	    "replace_all every occurrence is replaced.",
	.input_schema = OPEN PATH "\"The file; absolute, or relative to the "
	    "workspace.\"},"
	    "\"old_string\":{\"type\":\"string\",\"minLength\":1,"
	    "\"description\":\"Text to replace, exactly as in the file.\"},"
	    "\"new_string\":{\"type\":\"string\","
	    "\"description\":\"Text to put in its place.\"},"
	    "\"replace_all\":{\"type\":\"boolean\",\"default\":false,"
	    "\"description\":\"Replace every occurrence.\"}"
	    CLOSE("\"path\",\"old_string\",\"new_string\""),
	.timeout_ms = 30000, .max_parallel = 0 }, op_edit },
	{ { .size = sizeof(struct sept_tool_info), .flags = READS,
	.name = "grep",
	.description = "Searches the content of files for a regular "
	    "expression (PCRE2, line by line) and prints file:line:text, at "
	    "most 100 matches. Binary files and .git are skipped, symbolic "
	    "links are not followed.",
	.input_schema = OPEN
	    "\"pattern\":{\"type\":\"string\",\"minLength\":1,"
	    "\"maxLength\":2000,\"description\":\"Regular expression.\"},"
	    PATH "\"File or directory to search; default the workspace.\"},"
	    "\"glob\":{\"type\":\"string\",\"minLength\":1,"
	    "\"maxLength\":1024,\"description\":\"Only files of this name, "
	    "such as *.c or src/**/*.{c,h}.\"},"
	    "\"ignore_case\":{\"type\":\"boolean\",\"default\":false,"
	    "\"description\":\"Take upper and lower case as equal.\"},"
	    "\"context\":{\"type\":\"integer\",\"minimum\":0,"
	    "\"maximum\":10,\"default\":0,"
	    "\"description\":\"Lines to show around each match.\"}"
	    CLOSE("\"pattern\""),
	.timeout_ms = 60000, .max_parallel = 4 }, op_grep },
	{ { .size = sizeof(struct sept_tool_info), .flags = READS,
	.name = "find",
	.description = "Lists files and directories below a directory, one "
	    "path a line, directories with a slash at the end. Symbolic "
	    "links are listed, not followed; .git is not entered.",
	.input_schema = OPEN PATH "\"Directory to list; default the "
	    "workspace.\"},"
	    "\"name\":{\"type\":\"string\",\"minLength\":1,"
	    "\"maxLength\":1024,\"description\":\"Pattern of the name, such "
	    "as *.c; one with a slash is matched on the path below the "
	    "directory, such as src/**/*.h.\"},"
	    "\"type\":{\"type\":\"string\",\"enum\":[\"file\","
	    "\"directory\",\"symlink\"],\"description\":\"Only these.\"},"
	    "\"max\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,"
	    "\"default\":200,\"description\":\"Most paths to list.\"}"
	    CLOSE(""),
	.timeout_ms = 60000, .max_parallel = 4 }, op_find },
	{ { .size = sizeof(struct sept_tool_info), .flags = READS,
	.name = "file_search",
	.description = "Finds files whose path resembles the query: its "
	    "letters must occur in order, not next to each other. Best "
	    "matches first, at most 50. Good when only a part of the name "
	    "is known.",
	.input_schema = OPEN
	    "\"query\":{\"type\":\"string\",\"minLength\":1,"
	    "\"maxLength\":64,\"description\":\"Part of a path, such as "
	    "mainc or toolfind.\"},"
	    PATH "\"Directory to search; default the workspace.\"}"
	    CLOSE("\"query\""),
	.timeout_ms = 60000, .max_parallel = 4 }, op_search },
};

#define OPS (sizeof ops / sizeof ops[0])

static uint32_t
files_count(struct sept_plugin *p)
{
	(void)p;
	return OPS;
}

static const struct sept_tool_info *
files_info(struct sept_plugin *p, uint32_t i)
{
	(void)p;
	return i < OPS ? &ops[i].info : NULL;
}

static sept_status
files_invoke(struct sept_plugin *p, uint32_t i, struct sept_call *call,
    struct sept_slice args)
{
	struct files *fs = p->self;
	json_t *body = NULL;
	struct job j;

	if (i >= OPS)
		return SEPT_ENOTFOUND;
	memset(&j, 0, sizeof j);
	j.fs = fs;
	j.c.hc = fs->hc;
	j.c.call = call;
	j.args = tool_args(args);
	if (j.args == NULL)
		(void)job_bad_args(&j, "a JSON object");
	else if (job_stopped(&j) == 0)
		body = ops[i].run(&j);
	if (body != NULL)
		tool_complete(j.c, SEPT_OK, body);
	else
		tool_fail(j.c, j.f.st, j.f.code, "%s", j.f.text);
	json_decref(j.args);
	return SEPT_OK;
}

static const struct sept_tool tool = {
	.size = sizeof tool,
	.count = files_count,
	.info = files_info,
	.invoke = files_invoke,
	.turn_ended = NULL,
};

static sept_status
files_configure(struct sept_plugin *p, struct sept_slice json,
    struct sept_err *err)
{
	struct files *fs = p->self;
	const char *why;
	sept_status st = tool_config_init(&fs->cfg, json, &why);

	return st == SEPT_OK ? st : sept_fail(fs->host, err, st, why);
}

static sept_status
files_start(struct sept_plugin *p, struct sept_err *err)
{
	struct files *fs = p->self;

	fs->hc = fs->host->get_ext(fs->host, SEPT_HOST_CALL);
	if (fs->hc == NULL)
		return sept_fail(fs->host, err, SEPT_ENOTSUP,
		    "the host has no calls");
	if (roots_open(fs) != 0)
		return sept_fail(fs->host, err, SEPT_ENOMEM,
		    "out of memory");
	return SEPT_OK;
}

static void
files_destroy(struct sept_plugin *p)
{
	struct files *fs = p->self;

	roots_fini(fs);
	tool_config_fini(&fs->cfg);
	(void)pthread_mutex_destroy(&fs->lock);
	(void)pthread_mutex_destroy(&fs->write_lock);
	free(fs);
}

static const void *
files_ext(struct sept_plugin *p, const char *id)
{
	(void)p;
	return strcmp(id, SEPT_EXT_TOOL) == 0 ? &tool : NULL;
}

static sept_status
files_create(const struct sept_host *host, struct sept_plugin **out)
{
	struct files *fs = calloc(1, sizeof *fs);

	if (fs == NULL)
		return SEPT_ENOMEM;
	if (pthread_mutex_init(&fs->lock, NULL) != 0)
		goto fail;
	if (pthread_mutex_init(&fs->write_lock, NULL) != 0) {
		(void)pthread_mutex_destroy(&fs->lock);
		goto fail;
	}
	fs->host = host;
	fs->base.size = sizeof fs->base;
	fs->base.self = fs;
	fs->base.configure = files_configure;
	fs->base.start = files_start;
	fs->base.destroy = files_destroy;
	fs->base.get_ext = files_ext;
	*out = &fs->base;
	return SEPT_OK;
fail:
	free(fs);
	return SEPT_ENOMEM;
}

static const char *const provides[] = { SEPT_EXT_TOOL, NULL };
static const char *const requires[] = { SEPT_HOST_CALL, NULL };

static const struct sept_desc desc = {
	.size = sizeof desc,
	.abi_major = SEPT_ABI_MAJOR,
	.abi_minor = 0,
	.layout = SEPT_LAYOUT,
	.caps = SEPT_CAP_FS_READ | SEPT_CAP_FS_WRITE,
	.id = "org.september.tool-files",
	.version = "0.1.0",
	.provides = provides,
	.requires_ = requires,
	.create = files_create,
};

const struct sept_desc *
september_plugin_v1(void)
{
	return &desc;
}
