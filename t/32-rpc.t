#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# POST /rpc: tools and skills without a turn.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use September;
use Test::More;

alarm 120;
my $llm = September::MockLLM->start;
my $e = September->new(catalog => 'none', llm => $llm, stalls => 1);
my %tool = (description => 'x', input_schema => { type => 'object',
    properties => { command => { type => 'string', maxLength => 20 } },
    required => ['command'], additionalProperties => JSON::PP::false },
    implementation => { kind => 'platform', ref => 'bash' });
$e->catalog_file('tools/asks.json', { %tool, name => 'asks',
    requires_permission => JSON::PP::true });
$e->catalog_file('tools/short.json', { %tool, name => 'short' });
$e->catalog_file('tools/how.json', { %tool, name => 'how', input_schema =>
    { type => 'object' }, implementation => { kind => 'skill',
    ref => 'greet' } });
$e->catalog_file('skills/greet/SKILL.md', "---\nname: greet\n" .
    "description: Greets.\n---\nSay {{what}} to {{who}} {{n}} times.\n");
$e->launch;

sub rpc
{
	my ($method, $params, %o) = @_;

	return $e->post('/rpc', { method => $method, defined $params ?
	    (params => $params) : () }, %o);
}

# --- tools
my $r = rpc('tool.bash', { command => 'echo out; pwd' });
is($r->{status}, 200, 'a tool');
is_deeply([keys %{ $r->{json} }], ['result'], 'has a result');
like($r->{json}{result}{output}, qr{\Aout\n\Q$e->{dir}\E/workspace},
    'its output, from the workspace');
ok(!exists $r->{json}{result}{error}, 'no error');
$r = rpc('tool.write_file', { path => 'a.txt', content => "one\ntwo\n" });
is($r->{status}, 200, 'another tool');
like(rpc('tool.read_file', { path => 'a.txt' })->{json}{result}{output},
    qr/one.*two/s, 'both see one workspace');
$r = rpc('tool.read_file', { path => 'none.txt' });
is($r->{status}, 200, 'a tool that ran and failed is a result');
ok($r->{json}{result}{error}, 'with an error');
$r = rpc('tool.read_file', { path => '/etc/shadow' });
ok($r->{status} == 403 || $r->{json}{result}{error},
    'a path outside is refused') or diag($r->{body});
unlike($r->{body}, qr/root:/, 'and not read');
is(rpc('tool.short', { command => 'echo hi' })->{json}{result}{output},
    rpc('tool.bash', { command => 'echo hi' })->{json}{result}{output},
    'a tool of the catalog');
for my $c (
    [rpc('tool.bash', {}), 'a missing parameter', qr/command/],
    [rpc('tool.bash'), 'no params', qr/command/],
    [rpc('tool.bash', { command => 5 }), 'a wrong type', qr/command/],
    [rpc('tool.short', { command => 'x' x 21 }), 'too long', qr/command/],
    [rpc('tool.short', { command => 'x', more => 1 }), 'one too many',
	qr/more/],
    [rpc('tool.bash', []), 'params an array', qr/params/],
    [rpc('tool.bash', 'x'), 'params a string', qr/params/],
    [rpc(7, {}), 'method a number', qr/method/]) {
	my ($got, $name, $says) = @$c;

	error_is($got, 422, 'VALIDATION_ERROR', $name);
	like($got->{json}{message}, $says, "$name: the place");
}
error_is(rpc('tool.asks', { command => 'true' }), 403, 'PERMISSION_DENIED',
    'what would ask a human');
error_is(rpc('tool.asks', {}), 422, 'VALIDATION_ERROR',
    'bad parameters come first');
for my $m ('tool.nope', 'tool.', 'skill.nope', 'skill.', 'nope', 'other.x',
    'bash', 'TOOL.bash', "tool.bash\n") {
	error_is(rpc($m, { command => 'true' }), 404, 'METHOD_NOT_FOUND',
	    "method '" . $m =~ s/\n/\\n/r . "'");
}
error_is($e->post('/rpc', { params => {} }), 400, 'BAD_REQUEST',
    'no method');
error_is($e->request(POST => '/rpc', body => '[]'), 400, 'BAD_REQUEST',
    'an array');
error_is($e->get('/rpc'), 405, 'METHOD_NOT_ALLOWED');
error_is(rpc('tool.bash', { command => 'true' }, key => 'wrong'), 401,
    'INVALID_KEY');
# A tool that only a model can use.
error_is(rpc('tool.use_skill', { name => 'greet' }), 404,
    'METHOD_NOT_FOUND', 'use_skill is skill.<name> here');

# --- skills
$r = rpc('skill.greet', { what => 'hello', who => { a => 1 }, n => 3 });
is($r->{status}, 200, 'a skill');
is($r->{json}{result}{name}, 'greet', 'its name');
is($r->{json}{result}{prompt} =~ s/\s+\z//r,
    'Say hello to {"a":1} 3 times.', 'its prompt, filled in');
is(rpc('skill.greet')->{json}{result}{prompt} =~ s/\s+\z//r,
    'Say {{what}} to {{who}} {{n}} times.', 'what is not given stays');
$e->post('/skills/create', { name => 'mine', prompt => 'Do {{it}}.' });
is(rpc('skill.mine', { it => '{{it}}' })->{json}{result}{prompt},
    'Do {{it}}.', 'a custom skill; values are not filled in again');
error_is(rpc('skill.greet', []), 422, 'VALIDATION_ERROR', 'params an array');

# --- many at once, and nothing left behind
my @conns = map { [$e->{http}->connect, $_] } 1 .. 8;
for my $c (@conns) {
	$c->[0]->put($e->{http}->bytes_of(POST => '/rpc', json => { method =>
	    'tool.bash', params => { command => "sleep 0.1; echo n$c->[1]." }
	    }));
}
my $right = 0;
for my $c (@conns) {
	my $body = '';

	$c->[0]->head('POST');
	while (defined(my $piece = $c->[0]->body_piece)) {
		$body .= $piece;
	}
	$right++ if $body =~ /n$c->[1]\./;
}
is($right, 8, 'calls at once get their own results');
is($e->get('/tasks')->{json}{total}, 0, 'no task was made');
is(scalar(() = $llm->requests), 0, 'and no model was asked');
# A client that goes away does not harm the engine.
my $c = $e->{http}->connect;
$c->put($e->{http}->bytes_of(POST => '/rpc', json => { method => 'tool.bash',
    params => { command => 'sleep 0.3; touch went' } }));
$c->close;
is(rpc('tool.bash', { command => 'while [ ! -e went ]; do sleep 0.05; done; ' .
    'echo seen' })->{json}{result}{output} =~ /seen/ ? 1 : 0, 1,
    'a call whose client has gone ends by itself');
$e->stop;
done_testing;
