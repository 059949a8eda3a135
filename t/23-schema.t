#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# response_schema: native where the backend has it, else a forced
# submit_result; the checked value is in `completed` as `result`.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use September;
use Test::More;

alarm 240;
my %model = (openai => 'gpt-5', anthropic => 'claude-sonnet-4-5',
    gemini => 'gemini-2.5-pro');
my $json = JSON::PP->new->canonical->allow_nonref;
my $schema = { type => 'object', properties => {
    name => { type => 'string' }, age => { type => 'integer',
    minimum => 0 } }, required => ['name', 'age'],
    additionalProperties => JSON::PP::false };
my $good = { name => 'Ada', age => 36 };
my ($llm, $e, $p);

sub count { return scalar(() = $llm->requests) }
sub body { return ($llm->requests)[-1]{body} }

# A reply that hands over the value in the backend's way.
sub result
{
	my ($v) = @_;

	return { text => $json->encode($v) } if $p ne 'anthropic';
	return { tools => [{ name => 'submit_result', input => $v }] };
}

sub wrapped { my ($v) = @_; return $p eq 'anthropic' ? { result => $v } : $v }

sub result_is
{
	my ($t, $want, $name) = @_;

	turn_ok($t, "$p: $name");
	is_deeply($t->{completed}{result}, $want, "$p: $name: the result") or
	    diag($t->{stream}{raw});
	like($t->{completed}{message_id} // '', qr/^msg-/,
	    "$p: $name: the answer's id");
}

sub objects
{
	$llm->script(result($good));
	my $t = $e->turn('object', 'who', response_schema => $schema);
	my $b = body();

	result_is($t, $good, 'an object');
	is($t->{stop_reason}, 'end_turn', "$p: an object: stop reason");
	if ($p eq 'openai') {
		is($b->{response_format}{type}, 'json_schema', 'native');
	} elsif ($p eq 'gemini') {
		is($b->{generationConfig}{responseMimeType},
		    'application/json', 'native');
	} else {
		is($b->{tool_choice}{name}, 'submit_result', 'forced');
		is(scalar @{ $b->{tools} }, 1, 'the only tool');
		is_deeply($b->{tools}[0]{input_schema}{properties},
		    $schema->{properties}, 'with the schema');
	}
	$llm->script('plain');
	$t = $e->turn('object', 'and now');
	turn_ok($t, "$p: a turn without a schema after it");
	is($t->{text}, 'plain', "$p: is plain");
	ok(!exists $t->{completed}{result}, "$p: has no result");
	unlike($json->encode([body()->{tools}, body()->{response_format},
	    body()->{generationConfig}]), qr/submit_result|json_schema|Mime/,
	    "$p: and asks for none");
}

sub other_types
{
	for my $c (['an array', { type => 'array', items =>
	    { type => 'integer' } }, [1, 2, 3]],
	    ['a string', { type => 'string', minLength => 2 }, 'yes'],
	    ['a number', { type => 'number' }, 4.5],
	    ['one of', { enum => ['red', 'green'] }, 'green'],
	    ['a union', { anyOf => [{ type => 'null' },
	    { type => 'integer' }] }, undef]) {
		my ($name, $s, $v) = @$c;

		$llm->script(result(wrapped($v)));
		result_is($e->turn('types', $name, response_schema => $s),
		    $v, $name);
	}
}

sub wrong_answers
{
	my $n = count();

	if ($p ne 'anthropic') {
		$llm->script("\n```json\n" . $json->encode($good) . "\n```\n");
		result_is($e->turn('fence', 'who', response_schema =>
		    $schema), $good, 'in a code fence');
		$n = count();
	}

	$llm->script(result({ name => 'Ada' }), result({ name => 'Ada',
	    age => -1 }), result($good));
	my $t = $e->turn('wrong', 'who', response_schema => $schema);

	result_is($t, $good, 'wrong twice, then good');
	is(count() - $n, 3, "$p: in three calls");
	like($json->encode(body()), qr/age/, "$p: it was told what is wrong");
	$n = count();
	$llm->script({ %{ result({ name => 5 }) }, times => 0 });
	$t = $e->turn('never', 'who', response_schema => $schema);
	stream_ok($t->{stream}, "$p: wrong for ever: the stream");
	is($t->{error}{error}, 'VALIDATION_ERROR', "$p: ends in an error") or
	    diag($t->{stream}->summary);
	ok(count() - $n < 6, "$p: after a few calls");
	$n = count();
	$llm->script({ text => 'I will not say.', times => 0 });
	$t = $e->turn('words', 'who', response_schema => $schema);
	is($t->{error}{error}, 'VALIDATION_ERROR', "$p: words for ever") or
	    diag($t->{stream}->summary);
	ok(count() - $n < 6, "$p: after a few calls");
	$llm->script('Well.');
	turn_ok($e->turn('words', 'and now'), "$p: the thread goes on");
}

sub with_tools
{
	$e->stop(name => "$p: ends well");
	$e->launch;
	my $n = count();

	$llm->script({ tools => [{ name => 'bash', input =>
	    { command => 'echo Ada' } }] }, { text => 'It is Ada.' },
	    result($good));
	my $t = $e->turn('tools', 'look and say',
	    response_schema => $schema, agent => 'able');

	result_is($t, $good, 'with other tools');
	is(scalar(grep { $_->{tool} eq 'bash' } @{ $t->{results} }), 1,
	    "$p: the tool ran");
	my @r = $llm->requests;
	my $first = $r[$n]{body};

	return if $p ne 'anthropic';
	isnt($first->{tool_choice}{type} // '', 'tool',
	    'not forced while tools may be wanted');
	is($r[-1]{body}{tool_choice}{name}, 'submit_result',
	    'forced when the work is done');
	$llm->script({ tools => [{ name => 'bash', input =>
	    { command => 'echo 1' } }, { name => 'submit_result',
	    input => $good }] });
	result_is($e->turn('both', 'x', response_schema => $schema,
	    agent => 'able'), $good, 'a tool and the result at once');
	$llm->script('fine');
	turn_ok($e->turn('both', 'y', agent => 'able'),
	    'the thread goes on behind it');
	my @m = @{ body()->{messages} };
	my @roles = map { $_->{role} } @m;

	is("@roles[-3 .. -1]", 'user assistant user', 'roles alternate');
}

for (@ARGV ? @ARGV : qw(openai anthropic gemini)) {
	$p = $_;
	$llm = September::MockLLM->start;
	$e = September->new(catalog => 'none', llm => $llm, provider => $p,
	    stalls => 1, env => { LLM_MODEL => $model{$p} });
	$e->catalog_file('agents/default/agent.json', { name => 'default',
	    description => 'No tools.', tools => [] });
	$e->catalog_file('agents/able/agent.json', { name => 'able',
	    description => 'Tools.', tools => ['bash'] });
	$e->launch;
	objects();
	other_types();
	wrong_answers();
	with_tools();
	$e->stop;
	$llm->stop;
}

# The backend that needs no provider.
$e = September->start(catalog => 'none', stalls => 1);
my $t = $e->turn('scripted', 'who', response_schema => $schema);
turn_ok($t, 'scripted: a turn with a schema');
is(ref $t->{completed}{result}, 'HASH', 'scripted: an object');
is(join(' ', sort keys %{ $t->{completed}{result} // {} }), 'age name',
    'scripted: that fits');
for my $bad ({ type => 'foo' }, { '$ref' => '#/nowhere' },
    { pattern => '(' }) {
	error_is($e->post('/execute', { task_id => 'x', message => 'x',
	    response_schema => $bad }), 422, 'VALIDATION_ERROR',
	    'no schema: ' . $json->encode($bad));
}
$e->stop;
done_testing;
