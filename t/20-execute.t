#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# POST /execute: fields, events and their order, tools, the thread, edit,
# retry, cancel, one turn at a time.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use September;
use Test::More;

binmode Test::More->builder->$_, ':utf8'
    for qw(output failure_output todo_output);
alarm 240;
my $llm = September::MockLLM->start;
my $e = September->start(catalog => 'none', llm => $llm);

# --- fields -----------------------------------------------------------------
for my $c (
    [{ message => 'x' }, 400, 'BAD_REQUEST', 'no task_id'],
    [{ task_id => 'x' }, 400, 'BAD_REQUEST', 'no message'],
    [{ task_id => 'x', message => 1 }, 422, 'message', 'message a number'],
    [{ task_id => 'x', message => '' }, 422, 'message', 'message empty'],
    [{ task_id => '', message => 'x' }, 422, 'task_id', 'task_id empty'],
    [{ task_id => 'x' x 257, message => 'x' }, 422, 'task_id', 'too long'],
    [{ task_id => "a\nb", message => 'x' }, 422, 'task_id', 'control'],
    [{ task_id => 'x', message => 'x', direct => 'yes' }, 422, 'direct',
	'direct a string'],
    [{ task_id => 'x', message => 'x', super_thinking => 1 }, 422,
	'super_thinking', 'super_thinking a number'],
    [{ task_id => 'x', message => 'x', media => {} }, 422, 'media',
	'media an object'],
    [{ task_id => 'x', message => 'x', media => [{ type => 'video' }] }, 422,
	'media[0].type', 'unknown medium'],
    [{ task_id => 'x', message => 'x', media => [{ type => 'image', source =>
	{ type => 'base64', media_type => 'image/png', data => '!' } }] },
	422, 'media[0].source.data', 'not base64'],
    [{ task_id => 'x', message => 'x', media => [{ type => 'image', source =>
	{ type => 'url', url => 'file:///etc/passwd' } }] },
	422, 'media[0].source.url', 'a file URL'],
    [{ task_id => 'x', message => 'x', response_schema => [] }, 422,
	'response_schema', 'schema an array'],
    [{ task_id => 'x', message => 'x', response_schema => { type => 'foo' } },
	422, 'response_schema', 'not a schema'],
    [{ task_id => 'x', message => 'x', edit_message_id => 'a',
	retry_message_id => 'b' }, 400, 'BAD_REQUEST', 'edit and retry'],
    [{ task_id => 'x', message => 'x', agent => 'nobody' }, 404,
	'AGENT_NOT_FOUND', 'unknown agent'],
    [{ task_id => 'x', message => 'x', edit_message_id => 'msg-1' }, 404,
	'MESSAGE_NOT_FOUND', 'edit of nothing'],
    [{ task_id => 'x', retry_message_id => 'msg-1' }, 404,
	'MESSAGE_NOT_FOUND', 'retry of nothing']) {
	my ($body, $status, $what, $name) = @$c;
	my $r = $e->post('/execute', $body);

	error_is($r, $status, $status == 422 ? 'VALIDATION_ERROR' : $what,
	    $name);
	is($r->{json}{details}{field}, $what, "$name: the field")
	    if $status == 422;
}
error_is($e->get('/tasks/x'), 404, 'TASK_NOT_FOUND', 'nothing was made');

# --- a plain turn -------------------------------------------------------------
$llm->script({ text => ['Hel', "lo \x{2028}wörld ", '😀'], thinking => 'hm',
    usage => { input => 11, output => 7, cached => 5 } });
my $t = $e->turn('plain', 'hi');
turn_ok($t, 'a plain turn');
is($t->{text}, "Hello \x{2028}wörld 😀", 'its text');
is($t->{started}{task_id}, 'plain', 'started: task');
is($t->{started}{agent}, 'default', 'started: agent');
like($t->{started}{message_id}, qr/^msg-/, 'started: message');
like($t->{completed}{message_id}, qr/^msg-/, 'completed: answer');
is($t->{completed}{turn_id}, $t->{started}{turn_id}, 'the same turn');
is($t->{stop_reason}, 'end_turn', 'stop reason');
is($t->{usage}[0]{input_tokens}, 11, 'usage: in');
is($t->{usage}[0]{output_tokens}, 7, 'usage: out');
is($t->{usage}[0]{cache_hit_tokens}, 5, 'usage: cached');
ok($t->{usage}[0]{model}, 'usage: model');
is($t->{stream}{headers}{'content-type'}, 'text/event-stream', 'type');
is($t->{stream}{headers}{'cache-control'}, 'no-cache', 'no cache');
is($t->{stream}{headers}{'x-accel-buffering'}, 'no', 'no buffering');
my $req = ($llm->requests)[-1];
is($req->{body}{messages}[-1]{content}, 'hi', 'the model was asked');

my $msgs = $e->get('/tasks/plain/messages')->{json}{messages};
is(join(',', map { $_->{role} } @$msgs), 'user,assistant', 'the thread');
is($msgs->[0]{message_id}, $t->{started}{message_id}, 'ids agree');
is($msgs->[1]{message_id}, $t->{completed}{message_id}, 'of both');
is($msgs->[1]{content}[-1]{text}, $t->{text}, 'the text is kept');
like($msgs->[0]{created_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
    'times');
my $task = $e->get('/tasks/plain')->{json};
is($task->{state}, 'idle', 'the task is idle again');
is($task->{message_count}, 2, 'and has two messages');

# The lock is free as soon as the last event has been seen.
$llm->script({ text => 'again', times => 0 });
for my $i (1 .. 20) {
	my $n = $e->turn('plain', "more $i");

	turn_ok($n, "turn $i right behind the one before") or last;
}
$req = ($llm->requests)[-1];
is(scalar(grep { $_->{role} eq 'user' } @{ $req->{body}{messages} }), 21,
    'the thread goes along');

# --- tools ----------------------------------------------------------------------
$llm->script(
    { text => 'Let me look.', tools => [
	{ name => 'bash', input => { command => 'sleep 0.3; echo one' },
	    split => 3 },
	{ name => 'bash', input => { command => 'echo two' } },
	{ name => 'bash', input => { command => 5 } },
	{ name => 'no_such', input => {} },
	{ name => 'bash', input => { command => 'exit 3' } }] },
    { text => 'Done.' });
$t = $e->turn('tools', 'go');
turn_ok($t, 'a turn with tools');
is(scalar @{ $t->{tools} }, 5, 'five calls');
is($t->{tools}[0]{input}{command}, 'sleep 0.3; echo one', 'complete input');
my %by = map { $_->{tool_call_id} => $_ } @{ $t->{results} };
my @res = map { $by{ $_->{tool_call_id} } } @{ $t->{tools} };
like($res[0]{output}, qr/one/, 'output');
ok($res[0]{duration_ms} >= 300, 'duration');
is($res[0]{error}, undef, 'no error');
like($res[1]{output}, qr/two/, 'of the second');
is($t->{results}[-1]{tool_call_id}, $t->{tools}[0]{tool_call_id},
    'they ran at the same time');
is($res[2]{error}, 'invalid_input', 'a wrong type is a tool error');
like($res[2]{output}, qr/command/, 'that names the path');
is($res[3]{error}, 'unknown_tool', 'an unknown tool too');
is($res[4]{error}, undef, 'an exit code is no failure');
like($res[4]{output}, qr/3/, 'but told');
$req = ($llm->requests)[-1];
my @tool_msgs = grep { $_->{role} eq 'tool' } @{ $req->{body}{messages} };
is(scalar @tool_msgs, 5, 'all results go to the model');
like($tool_msgs[0]{content}, qr/one/, 'in call order');
like($tool_msgs[1]{content}, qr/two/, 'in call order, second');
is(scalar @{ $t->{usage} }, 2, 'one usage a model call');

# --- edit and retry -----------------------------------------------------------------
$llm->script({ text => 'A1' }, { text => 'A2' }, { text => 'A3' },
    { text => 'A4' }, { text => 'A5' });
my $t1 = $e->turn('thread', 'first');
my $t2 = $e->turn('thread', 'second');
my $ed = $e->turn('thread', 'first, better',
    edit_message_id => $t1->{started}{message_id});
turn_ok($ed, 'an edit');
isnt($ed->{started}{message_id}, $t1->{started}{message_id}, 'a new id');
$req = ($llm->requests)[-1];
is(join('|', map { $_->{content} } grep { $_->{role} ne 'system' }
    @{ $req->{body}{messages} }), 'first, better',
    'later messages are void');
error_is($e->post('/execute', { task_id => 'thread', message => 'x',
    edit_message_id => $t1->{started}{message_id} }), 404,
    'MESSAGE_NOT_FOUND', 'the old id is gone');
error_is($e->post('/execute', { task_id => 'thread',
    retry_message_id => $t2->{completed}{message_id} }), 404,
    'MESSAGE_NOT_FOUND', 'a voided one too');
my $re = $e->turn('thread', undef,
    retry_message_id => $ed->{completed}{message_id});
turn_ok($re, 'a retry of an answer');
is($re->{started}{message_id}, $ed->{started}{message_id},
    'runs the user message before it');
is($re->{text}, 'A4', 'anew');
$re = $e->turn('thread', undef,
    retry_message_id => $ed->{started}{message_id});
is($re->{text}, 'A5', 'a retry of the user message');
$msgs = $e->get('/tasks/thread/messages')->{json}{messages};
is(join('|', map { $_->{content}[0]{text} } @$msgs), 'first, better|A5',
    'the thread at the end');
is($e->get('/tasks/thread')->{json}{message_count}, 2, 'the count');

# --- one turn at a time, cancel --------------------------------------------------------
$llm->script({ text => [map { "w$_ " } 1 .. 200], delay => 0.05 });
my $s = $e->execute({ task_id => 'busy', message => 'long' });
$s->until('text_delta');
error_is($e->post('/execute', { task_id => 'busy',
    message => 'x' }), 409, 'TASK_BUSY');
error_is($e->delete('/tasks/busy'), 409, 'TASK_BUSY', 'no delete');
is($e->get('/tasks/busy')->{json}{state}, 'running', 'it is running');
my $c = $e->post('/execute/cancel', { task_id => 'busy' });
is($c->{json}{status}, 'cancelled', 'cancelled');
$s->all(10);
$t = September::digest($s);
turn_ok($t, 'the stream ends well');
is($t->{stop_reason}, 'cancelled', 'as cancelled');
is($c->{json}{turn_id}, $t->{turn_id}, 'the turn that was meant');
like($t->{completed}{message_id} // '', qr/^msg-/, 'what came is kept');
error_is($e->post('/execute/cancel', { task_id => 'busy' }), 409,
    'TASK_NOT_RUNNING');
error_is($e->post('/execute/cancel', { task_id => 'nope' }), 404,
    'TASK_NOT_FOUND');
error_is($e->post('/execute/cancel', {}), 400, 'BAD_REQUEST');

$llm->script({ tools => [{ name => 'bash', input => {
    command => 'sleep 60' } }] }, { text => 'after' });
$s = $e->execute({ task_id => 'busy', message => 'tool' });
$s->until('tool_call');
is($e->post('/execute/cancel', { task_id => 'busy' })->{status}, 200,
    'cancel during a tool');
$s->all(10);
$t = September::digest($s);
is($t->{stop_reason}, 'cancelled', 'ends it');
is($t->{results}[0]{error}, 'cancelled', 'the tool too');
$t = $e->turn('busy', 'and now');
turn_ok($t, 'the thread goes on after it');
is($t->{text}, 'after', 'with the model');

# A client that goes away changes nothing.
$llm->script({ text => [map { "w$_ " } 1 .. 20], delay => 0.02 });
$s = $e->execute({ task_id => 'left', message => 'x' });
$s->until('text_delta');
$s->close;
my $rp = $e->replay(task_id => 'left');
$rp->all(15);
is(September::digest($rp)->{text}, join('', map { "w$_ " } 1 .. 20),
    'the turn went on without its client');

# --- delete -------------------------------------------------------------------------------
is_deeply($e->delete('/tasks/left')->{json},
    { status => 'deleted', task_id => 'left' }, 'delete');
error_is($e->get('/tasks/left'), 404, 'TASK_NOT_FOUND', 'it is gone');
error_is($e->delete('/tasks/left'), 404, 'TASK_NOT_FOUND', 'only once');
my $odd = "a/b c\x{263a}";
turn_ok($e->turn($odd, 'x'), 'a task id with odd characters');
is($e->get('/tasks/' . September::escape($odd))->{json}{task_id}, $odd,
    'can be asked for');
my $l = $e->get('/tasks?limit=2&offset=1')->{json};
is(scalar @{ $l->{tasks} }, 2, 'a page of tasks');
ok($l->{total} >= 5, 'and how many there are');
error_is($e->get('/tasks?limit=0'), 422, 'VALIDATION_ERROR', 'limit 0');
error_is($e->get('/tasks?limit=x'), 422, 'VALIDATION_ERROR', 'limit x');
$e->stop;
done_testing;
