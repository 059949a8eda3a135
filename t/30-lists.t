#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Agents, tools, plugins, tasks and messages as lists; which agent runs, what
# tools its model gets, and what its prompt is made of.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use September;
use Test::More;

alarm 120;
my $llm = September::MockLLM->start;
my $e = September->new(catalog => 'none', llm => $llm, stalls => 1);

sub agent
{
	my ($name, $prompt, %more) = @_;

	$e->catalog_file("agents/$name/agent.json", { name => $name,
	    description => "The $name.", %more });
	$e->catalog_file("agents/$name/system-prompt.md", "$prompt\n");
}

agent('default', 'I am the default.', tools => ['*']);
agent('reader', 'I read.', tools => ['read_*', 'grep'],
    skills => ['count*'], model => 'reader-model');
agent('none', 'I have nothing.', tools => [], skills => []);
agent('free', 'I take all.');
for my $s (qw(counting counter drawing)) {
	$e->catalog_file("skills/$s/SKILL.md",
	    "---\nname: $s\ndescription: About $s.\n---\nBody of $s.\n");
}
$e->catalog_file('tools/sh.json', { name => 'sh', description => 'Shell.',
    input_schema => { type => 'object', properties => { command =>
    { type => 'string' } }, required => ['command'] },
    implementation => { kind => 'platform', ref => 'bash' },
    requires_permission => JSON::PP::true });
$e->catalog_file('core_soul.json', { identity => 'The soul speaks.',
    values => ['candour', 'care'], patterns => ['look first'] });
$e->launch;

sub body { return ($llm->requests)[-1]{body} }
sub sysprompt { return body()->{messages}[0]{content} }
sub tool_names
{
	return join ' ', sort map { $_->{function}{name} }
	    @{ body()->{tools} // [] };
}

# --- agents
my $l = $e->get('/agents')->{json};
my %agents = map { $_->{name} => $_ } @$l;
is(join(' ', map { $_->{name} } @$l), 'default free none reader',
    'agents, by name');
is_deeply([sort keys %{ $l->[0] }], [qw(description model name tools)],
    'their fields');
is($agents{reader}{model}, 'reader-model', 'a model of its own');
is($agents{default}{model}, 'mock', 'else the one of the engine');
is($agents{reader}{description}, 'The reader.', 'the description');
is_deeply($agents{none}{tools}, [], 'no tools');
ok((grep { $_ eq 'bash' } @{ $agents{default}{tools} }), 'all tools');

# --- tools
$l = $e->get('/tools')->{json};
my %tools = map { $_->{name} => $_ } @$l;
my @wrong = grep { join(' ', sort keys %$_) ne
    'description input_schema name requires_permission source' ||
    ref $_->{input_schema} ne 'HASH' || $_->{input_schema}{type} ne 'object' ||
    !JSON::PP::is_bool($_->{requires_permission}) ||
    $_->{source} !~ /^(?:platform|skill|mcp)$/ || $_->{description} eq '' }
    @$l;
is(scalar @wrong, 0, 'every tool has its fields');
is(scalar(keys %tools), scalar @$l, 'every name once');
for my $name (qw(bash read_file write_file grep web_fetch use_skill sh)) {
	ok($tools{$name}, "there is $name");
}
ok($tools{sh}{requires_permission}, 'a tool that needs permission');
ok(!$tools{bash}{requires_permission}, 'one that needs none');

# --- plugins
$l = $e->get('/plugins')->{json};
my ($openai) = grep { $_->{id} =~ /openai/ } @$l;
is_deeply([sort keys %$openai], [qw(generation id isolation kinds state
    version)], 'the fields of a plugin');
is_deeply($openai->{kinds}, ['llm'], 'a backend');
ok((grep { "@{ $_->{kinds} }" =~ /tool/ } @$l), 'and plugins with tools');
like($openai->{version}, qr/^\d+\.\d+/, 'version');
like($openai->{generation}, qr/^[1-9]\d*$/, 'generation');

# --- which agent
is($e->turn('a', 'x')->{started}{agent}, 'default', 'the default agent');
my $t = $e->turn('b', 'x', agent => 'reader');
is($t->{started}{agent}, 'reader', 'the agent that was named');
is(body()->{model}, 'reader-model', 'with its model');
is(tool_names(), join(' ', sort @{ $agents{reader}{tools} }),
    'the model gets the tools of the list');
is(tool_names(), 'grep read_file use_skill', 'and these are its own');
like(sysprompt(), qr/I read\./, 'its prompt');
like(sysprompt(), qr/counting: About counting\./, 'its skills');
unlike(sysprompt(), qr/drawing/, 'and no others');
is($e->turn('b', 'y')->{started}{agent}, 'reader', "the task's last agent");
is($e->get('/tasks/b')->{json}{agent}, 'reader', 'is told of the task');
is($e->turn('b', 'z', agent => 'none')->{started}{agent}, 'none',
    'another agent in the same task');
is(tool_names(), '', 'an agent without tools');
unlike(sysprompt(), qr/Skills/, 'and without skills');
is($e->turn('b', 'z')->{started}{agent}, 'none', 'is the last one now');
$e->turn('c', 'x', agent => 'free');
is(tool_names(), join(' ', sort @{ $agents{free}{tools} }),
    'without a list: all tools');
for my $c ([5, 422], [[], 422], ['', 422], ['nobody', 404]) {
	my $r = $e->post('/execute', { task_id => 'd', message => 'x',
	    agent => $c->[0] });

	ok($r->{status} == $c->[1] || ($c->[0] eq '' && $r->{status} == 404),
	    "agent: " . (ref $c->[0] ? 'array' : "'$c->[0]'")) or
	    diag("$r->{status} $r->{body}");
}
# A tool that is not the agent's own is none.
$llm->script({ tools => [{ name => 'bash', input => { command => 'id' } },
    { name => 'use_skill', input => { name => 'drawing' } }] }, 'ok');
$t = $e->turn('e', 'x', agent => 'reader');
turn_ok($t, 'a turn that wants what is not its own');
is($t->{results}[0]{error}, 'unknown_tool', 'a tool of others');
my ($skill) = grep { $_->{tool} eq 'use_skill' } @{ $t->{results} };
ok($skill->{error}, 'a skill of others') or diag($skill->{output});

# --- the prompt
$e->turn('f', 'one');
my $first = JSON::PP->new->canonical->encode([sysprompt(), body()->{tools}]);
like(sysprompt(), qr/\AThe[ ]soul[ ]speaks\..*candour.*care.*look[ ]first.*
    I[ ]am[ ]the[ ]default\..*counter:[ ].*counting:[ ].*drawing:[ ]/sx,
    'soul, agent and skills, in this order');
$e->turn('f', 'two');
is(JSON::PP->new->canonical->encode([sysprompt(), body()->{tools}]), $first,
    'it does not change between turns');
$e->turn('g', 'other task');
is(JSON::PP->new->canonical->encode([sysprompt(), body()->{tools}]), $first,
    'nor between tasks');
$e->stop;
$e->restart;
$e->turn('f', 'three');
is(JSON::PP->new->canonical->encode([sysprompt(), body()->{tools}]), $first,
    'nor over a restart');

# --- messages
$llm->script({ thinking => 'Hm.', text => 'Look.', tools => [{ name =>
    'bash', input => { command => 'echo hi' } }, { name => 'nope',
    input => { a => 1 } }] }, 'Done.');
$t = $e->turn('msgs', 'go', media => [{ type => 'image', source =>
    { type => 'url', url => 'https://example.org/a.png' } }]);
turn_ok($t, 'a turn with everything');
my $m = $e->get('/tasks/msgs/messages')->{json}{messages};
is(join(' ', map { $_->{role} } @$m), 'user assistant tool assistant',
    'its messages');
@wrong = grep { join(' ', sort keys %$_) ne
    'content created_at message_id role turn_id' ||
    $_->{turn_id} ne $t->{turn_id} || $_->{message_id} !~ /^msg-/ } @$m;
is(scalar @wrong, 0, 'with their fields');
is($m->[0]{content}[0]{type}, 'image', 'the image');
is($m->[0]{content}[1]{text}, 'go', 'the text');
my ($think, $text, $use, $nope) = @{ $m->[1]{content} };
is($think->{type}, 'thinking', 'thinking');
is($text->{text}, 'Look.', 'text');
is($use->{type}, 'tool_use', 'a call');
is($use->{id}, $t->{tools}[0]{tool_call_id}, 'its id');
is_deeply($use->{input}, { command => 'echo hi' }, 'its input');
my ($got, $err) = @{ $m->[2]{content} };
is($got->{type}, 'tool_result', 'a result');
is($got->{tool_use_id}, $use->{id}, 'of that call');
like($got->{output}, qr/hi/, 'its output');
is($err->{error}, 'unknown_tool', 'a failed one');
is($e->get('/tasks/msgs')->{json}{message_count}, 4, 'the count');

# --- tasks
my $all = $e->get('/tasks')->{json};
is($all->{total}, scalar @{ $all->{tasks} }, 'all tasks');
is_deeply([sort keys %{ $all->{tasks}[0] }], [qw(agent created_at
    message_count state task_id updated_at)], 'their fields');
is($all->{tasks}[0]{task_id}, 'msgs', 'the newest first');
my @times = map { $_->{updated_at} } @{ $all->{tasks} };
is_deeply(\@times, [reverse sort @times], 'in this order');
$e->turn('a', 'again');
is($e->get('/tasks')->{json}{tasks}[0]{task_id}, 'a',
    'a task with news comes to the front');
$all = $e->get('/tasks')->{json};
my @paged;
for (my $o = 0; $o < $all->{total}; $o += 3) {
	my $p = $e->get("/tasks?limit=3&offset=$o")->{json};

	is($p->{total}, $all->{total}, "page at $o: the total");
	push @paged, @{ $p->{tasks} };
}
is_deeply(\@paged, $all->{tasks}, 'pages make up the whole');
is_deeply($e->get('/tasks?offset=1000')->{json}{tasks}, [],
    'a page behind the end');
for my $q ('limit=0', 'limit=-1', 'limit=x', 'offset=-1',
    'offset=x', 'limit=99999999999999999999') {
	error_is($e->get("/tasks?$q"), 422, 'VALIDATION_ERROR', $q);
}
for my $p ('/tasks/nope', '/tasks/nope/messages') {
	error_is($e->get($p), 404, 'TASK_NOT_FOUND', $p);
}
$e->stop;

# --- ENGINE_DEFAULT_AGENT
$e->restart(ENGINE_DEFAULT_AGENT => 'reader');
is($e->turn('h', 'x')->{started}{agent}, 'reader', 'ENGINE_DEFAULT_AGENT');
is($e->turn('a', 'x')->{started}{agent}, 'default',
    'a task of before keeps its agent');
$e->stop;
done_testing;
