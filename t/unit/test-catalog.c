/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-catalog.c - catalogs made in a temporary folder: what is read, every
 * kind of problem with its file and line, sharing and look-up.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sys/stat.h>

#include "../../core/catalog/catalog.h"
#include "tap.h"

static char top[] = "/tmp/sept-catalog-XXXXXX";

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static void
clean(void)
{
	(void)nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (mkdir(top, 0700) != 0)
		abort();
}

static void
path_in(char *buf, size_t size, const char *rel)
{
	char *p;

	(void)snprintf(buf, size, "%s/%s", top, rel);
	for (p = buf + strlen(top) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		if (mkdir(buf, 0700) != 0 && errno != EEXIST)
			abort();
		*p = '/';
	}
}

static void
put_n(const char *rel, const char *text, size_t n)
{
	char path[300];
	FILE *f;

	path_in(path, sizeof path, rel);
	f = fopen(path, "w");
	if (f == NULL || fwrite(text, 1, n, f) != n || fclose(f) != 0)
		abort();
}

/* Writes a file; single quotes stand for double ones. */
static void
put(const char *rel, const char *text)
{
	char *s = strdup(text), *p;

	if (s == NULL)
		abort();
	for (p = s; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	put_n(rel, s, strlen(s));
	free(s);
}

static int
known(void *arg, const char *kind, const char *ref)
{
	(void)arg;
	return strcmp(kind, "platform") == 0 && (strcmp(ref, "bash") == 0 ||
	    strcmp(ref, "read_file") == 0);
}

/* Parses and checks what was put; the caller owns both. */
static struct catalog *
load(json_t **problems)
{
	struct err e = { 0 };
	struct catalog *c;

	*problems = json_array();
	c = catalog_parse(top, *problems, &e);
	if (c == NULL || catalog_check(c, known, NULL, *problems, &e) != 0) {
		printf("# %s\n", e.text);
		abort();
	}
	return c;
}

static int
has_problem(json_t *problems, const char *file, int line, const char *word)
{
	json_t *p;
	size_t i;

	json_array_foreach(problems, i, p)
		if (strcmp(json_string_value(json_object_get(p, "file")),
		    file) == 0 &&
		    json_integer_value(json_object_get(p, "line")) == line &&
		    strstr(json_string_value(json_object_get(p, "message")),
		    word) != NULL)
			return 1;
	return 0;
}

static void
show(json_t *problems)
{
	json_t *p;
	size_t i;

	json_array_foreach(problems, i, p)
		printf("# %s:%lld: %s\n",
		    json_string_value(json_object_get(p, "file")),
		    (long long)json_integer_value(json_object_get(p,
		    "line")), json_string_value(json_object_get(p,
		    "message")));
}

static const char good_tool[] =
    "{'name':'sh','description':'d','input_schema':{'type':'object'},\n"
    "'implementation':{'kind':'platform','ref':'bash'}}";

/* One file that is wrong in one way, and what is said about it. */
static const struct {
	const char *file, *text;
	int line;
	const char *word;
} bad[] = {
	{ "agents/a/agent.json", "{'name':'a',\n'description':'d',\n}", 3,
	    "malformed JSON" },
	{ "agents/a/agent.json", "{'name':'a','description':'d',\n'name':'a'}",
	    2, "duplicate" },
	{ "agents/a/agent.json", "[]", 1, "must be a JSON object" },
	{ "agents/a/agent.json", "", 1, "malformed JSON" },
	{ "agents/a/agent.json", "{\n'name':'b',\n'description':'d'}", 2,
	    "differs from the folder's" },
	{ "agents/a/agent.json", "{\n'description':'d'}", 1,
	    "name is missing" },
	{ "agents/a/agent.json", "{\n'name':5,\n'description':'d'}", 2,
	    "name must be a string" },
	{ "agents/a b/agent.json", "{\n'name':'a b',\n'description':'d'}", 2,
	    "may only hold" },
	{ "agents/a/agent.json", "{'name':'a'}", 1,
	    "description is missing" },
	{ "agents/a/agent.json", "{'name':'a',\n'description':''}", 2,
	    "description is empty" },
	{ "agents/a/agent.json", "{'name':'a',\n\n'description':null}", 3,
	    "description is missing" },
	{ "agents/a/agent.json", "{'name':'a','description':'d',\n'model':1}",
	    2, "model must be a string" },
	{ "agents/a/agent.json", "{'name':'a','description':'d',\n'tools':"
	    "'bash'}", 2, "tools must be an array" },
	{ "agents/a/agent.json", "{'name':'a','description':'d','tools':[\n"
	    "'bash',\n7]}", 3, "tools must hold strings" },
	{ "agents/a/agent.json", "{'name':'a','description':'d','tools':[\n"
	    "'bash',\n'nope']}", 3, "no tool \"nope\"" },
	{ "agents/a/agent.json", "{'name':'a','description':'d',\n'skills':"
	    "{}}", 2, "skills must be an array" },
	{ "agents/a/agent.json", "{'name':'a','description':'d',\n"
	    "'planning':'yes'}", 2, "planning must be true or false" },
	{ "agents/a/agent.json", "{'name':'a','description':'d',\n"
	    "'max_iterations':0}", 2, "max_iterations must be an integer" },
	{ "agents/a/agent.json", "{'name':'a','description':'d',\n"
	    "'max_iterations':1.5}", 2, "max_iterations" },
	{ "agents/a/agent.json", "{'name':'a','description':'d',\n"
	    "'permissions':1}", 2, "permissions must be" },
	{ "agents/a/agent.json", "{'name':'a','description':'d',\n"
	    "'sandbox':1}", 2, "sandbox must be" },
	{ "agents/a/agent.json", "{'name':'a','description':'d',\n"
	    "'system_prompt_path':'none.md'}", 2, "no such file" },
	{ "agents/a/agent.json", "{'name':'a','description':'d',\n"
	    "'system_prompt_path':'/etc/hostname'}", 2, "must be relative" },
	{ "tools/t.json", "{'description':'d',\n'name':'a b'}", 2,
	    "may only hold" },
	{ "tools/t.json", "{'name':'t'}", 1, "description is missing" },
	{ "tools/t.json", "{'name':'t','description':'d'}", 1,
	    "input_schema is missing" },
	{ "tools/t.json", "{'name':'t','description':'d',\n'input_schema':"
	    "true}", 2, "input_schema must be an object" },
	{ "tools/t.json", "{'name':'t','description':'d',\n'input_schema':{\n"
	    "'type':'string'}}", 3, "must be \"object\"" },
	{ "tools/t.json", "{'name':'t','description':'d','input_schema':{\n"
	    "'properties':{\n'a':{\n'type':'text'}}}}", 4,
	    "text is not a type" },
	{ "tools/t.json", "{'name':'t','description':'d','input_schema':{\n"
	    "'properties':{'a':{\n'pattern':'('}}}}", 3, "bad pattern" },
	{ "tools/t.json", "{'name':'t','description':'d','input_schema':{}}",
	    1, "implementation is missing" },
	{ "tools/t.json", "{'name':'t','description':'d','input_schema':{},"
	    "\n'implementation':[]}", 2, "implementation must be an object" },
	{ "tools/t.json", "{'name':'t','description':'d','input_schema':{},"
	    "\n'implementation':{'ref':'bash'}}", 2, "kind is missing" },
	{ "tools/t.json", "{'name':'t','description':'d','input_schema':{},"
	    "\n'implementation':{\n'kind':'magic','ref':'bash'}}", 3,
	    "kind must be one of platform, skill, mcp" },
	{ "tools/t.json", "{'name':'t','description':'d','input_schema':{},"
	    "'implementation':{\n'kind':'platform'}}", 1, "ref is missing" },
	{ "tools/t.json", "{'name':'t','description':'d','input_schema':{},"
	    "'implementation':{\n'kind':'platform',\n'ref':'nope'}}", 3,
	    "no platform tool \"nope\"" },
	{ "tools/t.json", "{'name':'t','description':'d','input_schema':{},"
	    "'implementation':{\n'kind':'mcp',\n'ref':'x.y'}}", 3,
	    "no mcp tool" },
	{ "tools/t.json", "{'name':'t','description':'d','input_schema':{},"
	    "'implementation':{\n'kind':'skill',\n'ref':'y'}}", 3,
	    "no skill tool" },
	{ "tools/t.json", "{'name':'t','description':'d','input_schema':{},"
	    "'implementation':{'kind':'platform','ref':'bash'},\n"
	    "'requires_permission':'no'}", 2, "requires_permission must be" },
	{ "tools/t.json", "{'name':'t','description':'d','input_schema':{},"
	    "'implementation':{'kind':'platform','ref':'bash'},\n"
	    "'high_cost':1}", 2, "high_cost must be" },
	{ "servers/s.json", "{}", 1, "server_name is missing" },
	{ "servers/s.json", "{\n'server_name':'a.b','command':'x'}", 2,
	    "may only hold" },
	{ "servers/s.json", "{'server_name':'s',\n'transport':'pigeon'}", 2,
	    "transport must be one of stdio, http, sse" },
	{ "servers/s.json", "{'server_name':'s','command':'x',\n"
	    "'auth_method':'magic'}", 2, "auth_method must be one of" },
	{ "servers/s.json", "{'server_name':'s','transport':'stdio'}", 1,
	    "command is missing" },
	{ "servers/s.json", "{'server_name':'s','transport':'http'}", 1,
	    "url is missing" },
	{ "servers/s.json", "{'server_name':'s'}", 1, "url is missing" },
	{ "servers/s.json", "{'server_name':'s',\n'url':'ftp://x'}", 2,
	    "http or https URL" },
	{ "servers/s.json", "{'server_name':'s',\n'url':'https:///x'}", 2,
	    "http or https URL" },
	{ "servers/s.json", "{'server_name':'s','command':'x','args':[\n"
	    "'a',\n1]}", 3, "args must hold strings" },
	{ "servers/s.json", "{'server_name':'s','command':'x','env':{\n"
	    "'A':'a',\n'B':1}}", 3, "env.B must be a string" },
	{ "servers/s.json", "{'server_name':'s','url':'http://x',\n"
	    "'headers':[]}", 2, "headers must be an object" },
	{ "servers/s.json", "{'server_name':'s','url':'http://x',\n"
	    "'oauth':1}", 2, "oauth must be an object" },
	{ "servers/s.json", "{'server_name':'s','url':'http://x','oauth':{\n"
	    "'authorize_url':'http://a','token_url':\n'x','client_id':'c'}}",
	    2, "token_url must be an http" },
	{ "servers/s.json", "{'server_name':'s','url':'http://x',\n'oauth':{"
	    "'authorize_url':'http://a','token_url':'http://t'}}", 2,
	    "client_id is missing" },
	{ "core_soul.json", "{\n'identity':1}", 2,
	    "identity must be a string" },
	{ "core_soul.json", "{\n'values':'v'}", 2,
	    "values must be an array" },
	{ "core_soul.json", "{'patterns':[\n'a',\n'']}", 3,
	    "patterns must hold strings" },
	{ "core_soul.json", "{'identity':\n}", 2, "malformed JSON" },
};

static void
test_bad(void)
{
	struct catalog *c;
	json_t *problems;
	size_t i;

	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		clean();
		put(bad[i].file, bad[i].text);
		c = load(&problems);
		if (!check(json_array_size(problems) >= 1 &&
		    has_problem(problems, bad[i].file, bad[i].line,
		    bad[i].word), bad[i].word))
			show(problems);
		catalog_unref(c);
		json_decref(problems);
	}
}

static void
test_bad_files(void)
{
	struct catalog *c;
	json_t *problems;
	char path[300], *big = calloc(1, 1024 * 1024 + 1);

	if (big == NULL)
		abort();
	clean();
	memset(big, ' ', 1024 * 1024 + 1);
	put_n("tools/big.json", big, 1024 * 1024 + 1);
	put_n("tools/just.json", big, 1024 * 1024);
	put_n("tools/latin.json", "{\n\"name\":\"\xe9\"}", 13);
	put_n("tools/nul.json", "{\n\n\0}", 5);
	put("tools/.hidden.json", "not read");
	put("tools/notes.txt", "not read");
	put("agents/empty/x", "");
	put("agents/file-not-folder", "not read");
	put("agents/p/agent.json", "{'name':'p','description':'d',\n"
	    "'system_prompt_path':'../../../../etc/hostname'}");
	put("agents/q/agent.json", "{'name':'q','description':'d'}");
	put_n("agents/q/system-prompt.md", "a\nb\n\xff", 5);
	path_in(path, sizeof path, "tools/out.json");
	check_int(symlink("/etc/hostname", path), 0, "a link out");
	path_in(path, sizeof path, "tools/fifo.json");
	check_int(mkfifo(path, 0600), 0, "a FIFO");
	path_in(path, sizeof path, "servers");
	check_int(symlink("/etc", path), 0, "a folder that is a link out");
	c = load(&problems);
	check(has_problem(problems, "tools/big.json", 1, "1 MiB"),
	    "too large");
	check(has_problem(problems, "tools/just.json", 1, "malformed JSON"),
	    "just not too large");
	check(has_problem(problems, "tools/latin.json", 2, "UTF-8"),
	    "not UTF-8, with its line");
	check(has_problem(problems, "tools/nul.json", 3, "NUL"), "a NUL");
	check(has_problem(problems, "agents/empty/agent.json", 1,
	    "is missing"), "a folder without agent.json");
	check(has_problem(problems, "agents/q/system-prompt.md", 3, "UTF-8"),
	    "a prompt that is not UTF-8");
	check(has_problem(problems, "tools/out.json", 1, "leads out"),
	    "a file that is a link out");
	check(has_problem(problems, "tools/fifo.json", 1, "regular"),
	    "not a regular file");
	check(has_problem(problems, "servers", 1, "leads out"),
	    "a folder out");
	check(has_problem(problems,
	    "agents/p/../../../../etc/hostname", 1, "leads out"),
	    "a prompt outside");
	check_int(json_array_size(problems), 10, "nothing more is wrong");
	if (json_array_size(problems) != 10)
		show(problems);
	catalog_unref(c);
	json_decref(problems);
	free(big);
}

static void
test_all_told(void)
{
	struct catalog *c;
	json_t *problems;

	clean();
	put("agents/a/agent.json", "{'name':1,\n'description':2,\n'model':3,"
	    "\n'tools':[4,\n5],\n'planning':6}");
	put("tools/t.json", "{}");
	put("tools/a.json", "{'name':");
	c = load(&problems);
	check_int(json_array_size(problems), 11, "all problems of all files");
	if (json_array_size(problems) != 11)
		show(problems);
	check(has_problem(problems, "agents/a/agent.json", 5, "tools"),
	    "also the second bad tool");
	check_str(json_string_value(json_object_get(json_array_get(problems,
	    6), "file")), "tools/a.json", "in the order of names");
	catalog_unref(c);
	json_decref(problems);
}

static void
test_twice(void)
{
	struct err e = { 0 };
	struct catalog *c;
	json_t *problems, *skills;

	clean();
	put("tools/a.json", good_tool);
	put("tools/b.json", good_tool);
	put("servers/x.json", "{\n'server_name':'s','command':'c'}");
	put("servers/y.json", "{\n'server_name':'s','command':'c'}");
	problems = json_array();
	c = catalog_parse(top, problems, &e);
	skills = json_pack("[{s:s},{s:s}]", "name", "k", "name", "k");
	check(c != NULL && catalog_add_skills(c, skills, "platform", &e) ==
	    0 && catalog_check(c, known, NULL, problems, &e) == 0, "checked");
	check(has_problem(problems, "tools/b.json", 1, "twice"),
	    "a tool twice");
	check(has_problem(problems, "servers/y.json", 2, "twice"),
	    "a server twice");
	check(has_problem(problems, "skills/k/SKILL.md", 1, "twice"),
	    "a skill twice");
	check_int(json_array_size(problems), 3, "each told once");
	json_decref(skills);
	json_decref(problems);
	catalog_unref(c);
}

static void
put_good(void)
{
	char path[300];

	clean();
	put("agents/b/agent.json", "{'name':'b','description':'B','tools':"
	    "['bash','mcp?*','gh.search'],'skills':['s*'],'planning':true,"
	    "'max_iterations':7,'model':'m','permissions':{'x':1},'sandbox':"
	    "{},'system_prompt_path':'../shared.md','unknown':1}");
	put("agents/shared.md", "Shared prompt.\n");
	put("agents/a/agent.json", "{'name':'a','description':'A'}");
	put("agents/a/system-prompt.md", "You are A.");
	put("agents/c/agent.json", "{'name':'c','description':'C','tools':[],"
	    "'model':''}");
	put("tools/t.json", good_tool);
	put("tools/m.json", "{'name':'find.it','description':'d',"
	    "'input_schema':{},'implementation':{'kind':'mcp','ref':"
	    "'gh.search'},'requires_permission':true,'high_cost':true}");
	put("servers/gh.json", "{'server_name':'gh','url':'https://x.test/m',"
	    "'auth_method':'oauth','oauth':{'authorize_url':'https://a',"
	    "'token_url':'https://t','client_id':'c','scopes':['s']}}");
	put("servers/fs.json", "{'server_name':'fs','command':'mcp-fs','args':"
	    "['/tmp'],'env':{'A':'b'},'display_name':'Files'}");
	put("core_soul.json", "{'identity':'I','values':['v'],'patterns':"
	    "['p','q']}");
	put("tools/real/t2.json", "{'name':'linked','description':'d',"
	    "'input_schema':{},'implementation':{'kind':'platform','ref':"
	    "'bash'}}");
	path_in(path, sizeof path, "tools/link.json");
	check_int(symlink("real/t2.json", path), 0, "a link inside");
}

static void
check_agents(const struct catalog *c)
{
	const struct catalog_agent *a;

	check_int(catalog_agent_count(c), 3, "three agents");
	check_str(catalog_agent_at(c, 0)->name, "a", "sorted");
	check(catalog_agent_at(c, 3) == NULL, "no fourth");
	a = catalog_agent_find(c, "a");
	check(a != NULL && !a->has_tools && a->tools == NULL &&
	    a->skills == NULL && a->model == NULL && !a->planning &&
	    a->max_iterations == 50, "defaults");
	check_str(a->system_prompt, "You are A.", "the usual prompt file");
	a = catalog_agent_find(c, "b");
	check(a != NULL && a->has_tools && json_array_size(a->tools) == 3 &&
	    a->planning && a->max_iterations == 7 &&
	    a->permissions != NULL && a->sandbox != NULL, "all fields");
	check_str(a->model, "m", "its model");
	check_str(a->system_prompt, "Shared prompt.\n", "a shared prompt");
	a = catalog_agent_find(c, "c");
	check(a != NULL && a->has_tools && json_array_size(a->tools) == 0 &&
	    a->model == NULL, "no tools at all");
	check_str(a->system_prompt, "", "no prompt");
	check(catalog_agent_find(c, "d") == NULL, "no such agent");
}

static void
check_rest(const struct catalog *c)
{
	const struct catalog_tool *t;
	json_t *s;

	check_int(catalog_tool_count(c), 3, "three tools");
	t = catalog_tool_find(c, "find.it");
	check(t != NULL && t->requires_permission == 1 && t->high_cost == 1,
	    "flags of a tool");
	check_str(t->kind, "mcp", "its kind");
	check_str(t->ref, "gh.search", "its ref");
	t = catalog_tool_find(c, "sh");
	check(t != NULL && t->requires_permission == -1 && !t->high_cost,
	    "absent flags");
	check(catalog_tool_find(c, "linked") != NULL, "through a link");
	check_int(catalog_server_count(c), 2, "two servers");
	s = catalog_server_at(c, 0);
	check_str(json_string_value(json_object_get(s, "transport")),
	    "stdio", "a default");
	check_str(json_string_value(json_object_get(s, "auth_method")),
	    "none", "another");
	check_str(json_string_value(json_object_get(s, "display_name")),
	    "Files", "what is written stays");
	s = catalog_server_at(c, 1);
	check_str(json_string_value(json_object_get(s, "transport")), "http",
	    "by its URL");
	check_str(json_string_value(json_object_get(s, "display_name")),
	    "gh", "named after itself");
	check_str(catalog_soul(c)->identity, "I", "the soul");
	check_int(json_array_size(catalog_soul(c)->patterns), 2,
	    "its patterns");
}

static void
test_good(void)
{
	json_t *problems;
	struct catalog *c;

	put_good();
	c = load(&problems);
	if (!check_int(json_array_size(problems), 0, "a good catalog"))
		show(problems);
	catalog_seal(c, 42);
	check(catalog_generation(c) == 42, "its generation");
	check_agents(c);
	check_rest(c);
	json_decref(problems);
	catalog_unref(c);
}

static void
test_skills(void)
{
	struct err e = { 0 };
	struct catalog *c, *d;
	json_t *problems, *plat, *cust;
	const struct catalog_skill *s;

	put_good();
	put("tools/k.json", "{'name':'k','description':'d','input_schema':{},"
	    "'implementation':{'kind':'skill','ref':'zip'}}");
	problems = json_array();
	c = catalog_parse(top, problems, &e);
	plat = json_pack("[{s:s,s:s,s:s,s:s,s:s,s:[s],s:{s:s},s:[s]},{s:s}]",
	    "name", "zip", "description", "Z", "category", "files", "body",
	    "Zip it.", "dir", "/x/zip", "allowed_tools", "bash", "scripts",
	    "z.sh", "zip", "references", "r.md", "name", "able");
	cust = json_pack("[{s:s,s:s},{s:s}]", "name", "mine",
	    "prompt_template", "P", "name", "zip");
	check(c != NULL && catalog_add_skills(c, plat, "platform", &e) == 0 &&
	    catalog_add_skills(c, cust, "custom", &e) == 0 &&
	    catalog_check(c, known, NULL, problems, &e) == 0 &&
	    json_array_size(problems) == 0, "skills are added");
	json_decref(plat);
	json_decref(cust);
	catalog_seal(c, 1);
	check_int(catalog_skill_count(c), 3, "the custom one of a taken name "
	    "is left out");
	check_str(catalog_skill_at(c, 0)->name, "able", "sorted");
	s = catalog_skill_find(c, "zip");
	check(s != NULL && strcmp(s->source, "platform") == 0 &&
	    strcmp(s->body, "Zip it.") == 0 &&
	    json_array_size(s->allowed_tools) == 1 &&
	    json_object_size(s->scripts) == 1, "a platform skill");
	s = catalog_skill_find(c, "mine");
	check(s != NULL && strcmp(s->source, "custom") == 0 &&
	    strcmp(s->body, "P") == 0 && strcmp(s->dir, "") == 0 &&
	    json_is_array(s->references) && json_is_object(s->scripts),
	    "a custom skill");
	cust = json_pack("[{s:s}]", "name", "other");
	d = catalog_with_custom(c, cust, &e);
	json_decref(cust);
	check(d != NULL && catalog_generation(d) == 1 &&
	    catalog_skill_find(d, "other") != NULL &&
	    catalog_skill_find(d, "mine") == NULL &&
	    catalog_skill_find(c, "mine") != NULL, "other custom skills");
	check(catalog_agent_find(d, "a") == catalog_agent_find(c, "a") &&
	    catalog_skill_find(d, "zip") == catalog_skill_find(c, "zip"),
	    "the rest is shared");
	catalog_unref(c);
	check_str(catalog_agent_find(d, "b")->description, "B",
	    "and outlives the first catalog");
	catalog_unref(d);
	json_decref(problems);
}

static void
test_soul(void)
{
	struct err e = { 0 };
	struct catalog *c, *d;
	json_t *problems;

	put_good();
	c = load(&problems);
	catalog_seal(c, 3);
	put("core_soul.json", "{'identity':'new'}");
	d = catalog_with_soul(c, top, problems, &e);
	check(d != NULL && json_array_size(problems) == 0, "a new soul");
	check_str(catalog_soul(d)->identity, "new", "is there");
	check(json_array_size(catalog_soul(d)->values) == 0 &&
	    json_is_array(catalog_soul(d)->values), "with empty lists");
	check_str(catalog_soul(c)->identity, "I", "and the old one stays");
	catalog_unref(d);
	put("core_soul.json", "{\n'values':1}");
	d = catalog_with_soul(c, top, problems, &e);
	check(d == NULL && e.code == ERR_CATALOG_INVALID &&
	    has_problem(problems, "core_soul.json", 2, "values"),
	    "a bad one is refused");
	catalog_unref(c);
	json_decref(problems);
}

static void *
count_refs(void *arg)
{
	struct catalog *c = arg;
	int i;

	for (i = 0; i < 20000; i++) {
		catalog_ref(c);
		if (catalog_agent_find(c, "a") == NULL)
			abort();
		catalog_unref(c);
	}
	catalog_unref(c);
	return NULL;
}

static void
test_threads(void)
{
	struct err e = { 0 };
	struct catalog *c, *d;
	json_t *problems, *none = json_array();
	pthread_t t[4];
	int i, failed = 0;

	put_good();
	c = load(&problems);
	catalog_seal(c, 1);
	for (i = 0; i < 4; i++)
		failed |= pthread_create(&t[i], NULL, count_refs,
		    catalog_ref(c));
	for (i = 0; i < 200; i++) {
		d = catalog_with_custom(c, none, &e);
		failed |= d == NULL;
		catalog_unref(d);
	}
	for (i = 0; i < 4; i++)
		failed |= pthread_join(t[i], NULL);
	check_int(failed, 0, "counted on many threads");
	catalog_unref(c);
	json_decref(none);
	json_decref(problems);
}

static void
test_matches(void)
{
	json_t *p = json_pack("[s,s,s,i]", "bash", "mem*ory_?", "*.read", 5);

	check(catalog_matches(p, "bash"), "a name");
	check(!catalog_matches(p, "bas") && !catalog_matches(p, "bashx"),
	    "not a part of it");
	check(catalog_matches(p, "memory_x") && catalog_matches(p,
	    "memory_memory_y"), "star and question mark");
	check(!catalog_matches(p, "memory_"), "one character is one");
	check(catalog_matches(p, "fs.read") && catalog_matches(p, ".read"),
	    "a star may be empty");
	check(!catalog_matches(p, ""), "nothing");
	check(!catalog_matches(NULL, "bash"), "no patterns");
	json_decref(p);
}

static void
test_no_folder(void)
{
	struct err e = { 0 };
	struct catalog *c;
	json_t *problems = json_array();

	clean();
	c = catalog_parse("/nonexistent/catalog", problems, &e);
	check(c == NULL && e.code == ERR_CATALOG_INVALID, "no such folder");
	put("file", "x");
	c = catalog_parse(top, problems, &e);
	check(c != NULL && json_array_size(problems) == 0 &&
	    catalog_agent_count(c) == 0 && catalog_agent_find(c, "a") ==
	    NULL && catalog_skill_find(c, "a") == NULL,
	    "an empty folder is an empty catalog");
	check_str(catalog_soul(c)->identity, "", "with an empty soul");
	catalog_unref(c);
	json_decref(problems);
}

static int
any_platform(void *arg, const char *kind, const char *ref)
{
	(void)arg;
	(void)ref;
	return strcmp(kind, "platform") == 0;
}

/* The catalog that is installed with the engine. */
static void
test_bundle(void)
{
	static const char *const names[] = { "analyst", "coder", "default",
		"researcher", "writer" };
	const char *src = getenv("SEPT_SRCDIR");
	const struct catalog_agent *a;
	struct err e = { 0 };
	struct catalog *c;
	json_t *problems = json_array();
	char dir[4096];
	size_t i;

	(void)snprintf(dir, sizeof dir, "%s/catalog", src != NULL ? src :
	    ".");
	c = catalog_parse(dir, problems, &e);
	if (!check(c != NULL && catalog_check(c, any_platform, NULL, problems,
	    &e) == 0 && json_array_size(problems) == 0,
	    "the bundle is a good catalog"))
		show(problems);
	for (i = 0; c != NULL && i < 5; i++) {
		a = catalog_agent_find(c, names[i]);
		check(a != NULL && strlen(a->system_prompt) > 500, names[i]);
	}
	check(c != NULL && strlen(catalog_soul(c)->identity) > 100 &&
	    json_array_size(catalog_soul(c)->values) > 3, "its soul");
	catalog_unref(c);
	json_decref(problems);
}

int
main(void)
{
	tap_start(120);
	if (mkdtemp(top) == NULL)
		return 1;
	test_bad();
	test_bad_files();
	test_all_told();
	test_twice();
	test_good();
	test_skills();
	test_soul();
	test_threads();
	test_matches();
	test_no_folder();
	test_bundle();
	clean();
	(void)rmdir(top);
	return tap_done();
}
