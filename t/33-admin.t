#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Reloads of catalog and soul, and the rotation of the key.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use September;
use Test::More;
use Time::HiRes qw(time sleep);

alarm 240;
my $llm = September::MockLLM->start;
my $e = September->start(catalog => 'none', llm => $llm, stalls => 1);

sub reload { return $e->post('/admin/reload-catalog', {}) }
sub sysprompt { return ($llm->requests)[-1]{body}{messages}[0]{content} }

# Until it holds, which something on the way will make it.
sub soon
{
	my ($what) = @_;
	my $end = time + 10;

	while (time < $end) {
		return 1 if $what->();
		sleep 0.01;
	}
	return 0;
}

# --- reload of a good catalog
my $r = reload();
is($r->{status}, 200, 'a reload');
my $gen = $r->{json}{generation};
is($r->{json}{status}, 'reloaded', 'its status');
is($r->{json}{agents}, 1, 'agents');
is_deeply([sort keys %{ $r->{json}{plugins} }], [qw(loaded reloaded
    unloaded)], 'plugins');
is($r->{json}{$_}, 0, "no $_") for qw(skills servers tools);
$e->catalog_file('agents/second/agent.json', { name => 'second',
    description => 'Another.' });
$e->catalog_file('agents/second/system-prompt.md', "Second prompt.\n");
$e->catalog_file('skills/count/SKILL.md',
    "---\nname: count\ndescription: Counts.\n---\nOne.\n");
$e->catalog_file('tools/sh.json', { name => 'sh', description => 'Runs.',
    input_schema => { type => 'object' }, implementation =>
    { kind => 'platform', ref => 'bash' } });
$e->catalog_file('servers/files.json', { server_name => 'files',
    transport => 'stdio', command => '/bin/true', auth_method => 'none' });
error_is($e->post('/execute', { task_id => 'x', message => 'x',
    agent => 'second' }), 404, 'AGENT_NOT_FOUND', 'not before the reload');
$r = reload();
is_deeply([@{ $r->{json} }{qw(generation agents skills tools servers)}],
    [$gen + 1, 2, 1, 1, 1], 'what was added, one generation on');
turn_ok($e->turn('two', 'x', agent => 'second'), 'the new agent');
like(sysprompt(), qr/Second prompt\./, 'with its prompt');
is($e->request(POST => '/admin/reload-catalog')->{status}, 200,
    'a reload needs no body');
$gen += 2;

# --- bad files: each rejects the reload, and is named
my %good = (name => 'bad', description => 'x');
my %tool = (%good, input_schema => { type => 'object' }, implementation =>
    { kind => 'platform', ref => 'bash' });

sub without { my ($h, $k) = @_; my %h = %$h; delete $h{$k}; return \%h }

for my $c (
    ['agents/bad/agent.json', "{\n\"name\": \"bad\",\n\"x\"\n}", 'no JSON', 4],
    ['agents/bad/agent.json', '[]', 'an array', 1],
    ['agents/bad/agent.json', without(\%good, 'name'), 'no name'],
    ['agents/bad/agent.json', without(\%good, 'description'),
	'no description'],
    ['agents/bad/agent.json', { %good, name => 'other' }, 'another name'],
    ['agents/bad/agent.json', "{\n\"name\": \"bad\",\n\"description\": " .
	"\"x\",\n\"tools\": [\"no-such-tool\"]}", 'an unknown tool', 4],
    ['agents/bad/agent.json', "{\n\"name\": \"bad\",\n\n\"description\": 5}",
	'a wrong type', 4],
    ['agents/bad/agent.json', { %good, max_iterations => 0 }, 'no turns'],
    ['agents/bad/agent.json', { %good, planning => 'yes' }, 'no flag'],
    ['agents/bad/agent.json', { %good, system_prompt_path => '../../x' },
	'a path outside'],
    ['agents/bad/agent.json', { %good, system_prompt_path => 'none.md' },
	'a missing prompt'],
    ['tools/bad.json', "{", 'a tool that is no JSON', 1],
    ['tools/bad.json', without(\%tool, 'input_schema'), 'no input_schema'],
    ['tools/bad.json', without(\%tool, 'implementation'),
	'no implementation'],
    ['tools/bad.json', { %tool, input_schema => { type => 'strange' } },
	'a bad schema'],
    ['tools/bad.json', { %tool, implementation => { kind => 'magic',
	ref => 'x' } }, 'an unknown kind'],
    ['tools/bad.json', { %tool, implementation => { kind => 'platform',
	ref => 'no-such' } }, 'a ref to nothing'],
    ['tools/twice.json', { %tool, name => 'sh' }, 'a name used twice'],
    ['tools/bad.json', { %tool, requires_permission => 1 }, 'a number'],
    ['skills/bad/SKILL.md', "no front matter\n", 'a skill without a head'],
    ['skills/bad/SKILL.md', "---\nname: bad\n---\nx\n",
	'a skill without description'],
    ['skills/bad/SKILL.md', "---\nname: bad\ndescription: [\n---\nx\n",
	'a skill whose head is no YAML'],
    ['skills/bad/SKILL.md', "---\nname: other\ndescription: x\n---\nx\n",
	'a skill of another name'],
    ['servers/bad.json', { server_name => 'bad', transport => 'pigeon' },
	'an unknown transport'],
    ['servers/bad.json', { server_name => 'bad', transport => 'http' },
	'a server without url'],
    ['servers/bad.json', { transport => 'stdio', command => 'x' },
	'a server without name'],
    ['core_soul.json', '{"identity": 5}', 'a soul of numbers', 1],
    ['core_soul.json', "{\"identity\": \"x\",\n\"values\": \"y\"}",
	'values a string', 2]) {
	my ($file, $what, $name, $line) = @$c;
	my $before = slurp("$e->{dir}/catalog/$file");

	$e->catalog_file($file, $what);
	$r = reload();
	error_is($r, 422, 'CATALOG_INVALID', "bad: $name");
	my $p = $r->{json}{details}{problems};
	my ($hit) = grep { ($_->{file} // '') eq $file }
	    @{ ref $p ? $p : [] };

	ok($hit, "bad: $name: the file is named") or
	    diag($r->{body});
	ok(($hit->{line} // 0) =~ /^[1-9]\d*$/ && ($hit->{message} // '') ne
	    '', "bad: $name: line and message");
	is($hit->{line}, $line, "bad: $name: the line") if $line;
	if ($before ne '') {
		$e->catalog_file($file, $before);
	} else {
		$e->catalog_file($file, undef);
		rmdir "$e->{dir}/catalog/" . $file =~ s{/[^/]*\z}{}r
		    if $file =~ m{/.*/};
	}
}
$e->catalog_file('agents/bad/agent.json', '{');
$e->catalog_file('tools/bad.json', '[]');
$r = reload();
is(scalar @{ $r->{json}{details}{problems} }, 2, 'all problems at once');
turn_ok($e->turn('two', 'x'), 'the old generation keeps serving');
is($e->get('/health')->{json}{status}, 'ok', 'in good health');
is(scalar @{ $e->get('/agents')->{json} }, 2, 'with its agents');
$e->catalog_file('agents/bad/agent.json', undef);
rmdir "$e->{dir}/catalog/agents/bad";
$e->catalog_file('tools/bad.json', undef);
is(reload()->{json}{generation}, $gen + 1,
    'a refused reload is no generation');

# --- a turn in flight
$llm->script({ tools => [{ name => 'bash', input => { command =>
    'touch begun; while [ ! -e go ]; do sleep 0.05; done' } }] }, 'Done.');
my $s = $e->execute({ task_id => 'fly', message => 'x',
    agent => 'second' });
$s->until('tool_call');
$e->catalog_file('agents/second/system-prompt.md', "Third prompt.\n");
is(reload()->{status}, 200, 'a reload while a turn runs');
turn_ok($e->turn('new', 'x', agent => 'second'), 'a turn beside it');
like(sysprompt(), qr/Third prompt/, 'has the new prompt');
ok(soon(sub { -e "$e->{dir}/workspace/begun" }), 'its tool runs');
spew("$e->{dir}/workspace/go", '');
$s->all(20);
turn_ok(September::digest($s), 'the turn in flight ends well');
like(sysprompt(), qr/Second prompt/, 'on the prompt it began with');
turn_ok($e->turn('fly', 'y'), 'its next turn');
like(sysprompt(), qr/Third prompt/, 'has the new one');
# An agent that is gone.
$e->catalog_file('agents/second/agent.json', undef);
$e->catalog_file('agents/second/system-prompt.md', undef);
rmdir "$e->{dir}/catalog/agents/second";
is(reload()->{json}{agents}, 1, 'an agent less');
$r = $e->execute({ task_id => 'fly', message => 'z' });
if ($r->{refused}) {
	is($r->{status}, 404, "a task whose agent is gone: 404");
} else {
	$r->all;
	turn_ok(September::digest($r), 'a task whose agent is gone goes on');
}

# --- SIGHUP, soul
$e->catalog_file('agents/hup/agent.json', { name => 'hup',
    description => 'By signal.' });
$e->signal('HUP');
ok(soon(sub { grep { $_->{name} eq 'hup' } @{ $e->get('/agents')->{json} } }),
    'SIGHUP reloads');
$e->catalog_file('agents/bad/agent.json', '{');
$e->signal('HUP');
ok(soon(sub { $e->log_text =~ m{agents/bad/agent\.json} }),
    'a bad file is in the log then');
is(scalar @{ $e->get('/agents')->{json} }, 2, 'and nothing has changed');
$e->catalog_file('core_soul.json', { identity => 'A changed soul.',
    values => ['candour'], patterns => [] });
$r = $e->post('/admin/reload-core-soul', {});
is($r->{status}, 200, 'the soul alone, beside a bad file');
is($r->{json}{status}, 'reloaded', 'its status');
my $version = $r->{json}{version};
like($version, qr/^[1-9]\d*$/, 'its version');
turn_ok($e->turn('soul', 'x'), 'a turn');
like(sysprompt(), qr/\AA changed soul\..*candour/s, 'has the new soul');
is($e->post('/admin/reload-core-soul', {})->{json}{version}, $version + 1,
    'versions grow');
$e->catalog_file('core_soul.json', '{"identity": 1}');
error_is($e->post('/admin/reload-core-soul', {}), 422, 'CATALOG_INVALID',
    'a bad soul');
turn_ok($e->turn('soul', 'x'), 'the old one');
like(sysprompt(), qr/A changed soul/, 'stays');
$e->catalog_file('core_soul.json', { identity => 'x' });
$e->catalog_file('agents/bad/agent.json', undef);
rmdir "$e->{dir}/catalog/agents/bad";

# --- the key
my $base = 'test-key';

sub as { my ($key) = @_; return $e->get('/tasks', key => $key) }

sub rotate
{
	my ($with, $new, %more) = @_;

	return $e->post('/admin/rotate-key', { new_key_hash =>
	    sha256_hex($new), %more }, key => $with);
}

sub works
{
	my ($key, $name) = @_;

	is(as($key)->{status}, 200, $name);
}

sub refused
{
	my ($key, $name) = @_;

	error_is(as($key), 401, 'INVALID_KEY', $name);
}

for my $c (
    [{}, 400, 'BAD_REQUEST', 'no hash'],
    [{ new_key_hash => 'abc' }, 422, 'new_key_hash', 'a short hash'],
    [{ new_key_hash => 'g' x 64 }, 422, 'new_key_hash', 'no hex'],
    [{ new_key_hash => 5 }, 422, 'new_key_hash', 'a number'],
    [{ new_key_hash => sha256_hex($base) }, 422, 'new_key_hash',
	'the same key'],
    [{ new_key_hash => 'a' x 64, overlap_seconds => -1 }, 422,
	'overlap_seconds', 'overlap -1'],
    [{ new_key_hash => 'a' x 64, overlap_seconds => 301 }, 422,
	'overlap_seconds', 'overlap 301'],
    [{ new_key_hash => 'a' x 64, overlap_seconds => 'x' }, 422,
	'overlap_seconds', 'overlap x']) {
	my ($body, $status, $what, $name) = @$c;

	$r = $e->post('/admin/rotate-key', $body);
	error_is($r, $status, $status == 422 ? 'VALIDATION_ERROR' : $what,
	    "rotate: $name");
	is($r->{json}{details}{field}, $what, "rotate: $name: the field")
	    if $status == 422;
}
works($base, 'nothing has changed');
refused('key-two', 'a key to come');
$r = rotate($base, 'key-two', overlap_seconds => 2);
is($r->{json}{status}, 'rotated', 'rotated');
like($r->{json}{overlap_until}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
    'until when');
works($base, 'overlap: the old key');
works('key-two', 'overlap: the new key');
ok(soon(sub { as($base)->{status} == 401 }), 'the overlap ends');
refused($base, 'the old key is refused then');
works('key-two', 'the new one works');
is($e->post('/admin/rotate-key', { new_key_hash => uc sha256_hex('key-3'),
    overlap_seconds => 0 }, key => 'key-two')->{status}, 200,
    'a hash in capitals, overlap 0');
refused('key-two', 'overlap 0: the old key is refused at once');
works('key-3', 'the new one works');
$e->{http}{headers}{'X-Engine-Key'} = $e->{key} = 'key-3';
$e->stop;
# The environment still has the first key.
$e->restart(ENGINE_API_KEY => $base);
works('key-3', 'a restart keeps the rotation');
refused($base, 'the key in the environment stays refused');
is(rotate('key-3', 'key-4', overlap_seconds => 100)->{status}, 200,
    'another rotation');
$e->{http}{headers}{'X-Engine-Key'} = $e->{key} = 'key-4';
$e->kill9;
$e->restart(ENGINE_API_KEY => $base);
works('key-4', 'a rotation is kept over a crash');
works('key-3', 'and its overlap');
$e->stop;
# The operator follows: the rotated key comes into the environment.
$e->restart(ENGINE_API_KEY => 'key-4');
works('key-4', 'the key in force in the environment');
works('key-3', 'its overlap goes on');
refused($base, 'the first one stays refused');
$e->stop;
$e->restart(ENGINE_API_KEY => 'key-3');
works('key-4', 'a key that was rotated away changes nothing');
$e->stop;
$e->{key} = 'key-new';
$e->restart(ENGINE_API_KEY => undef,
    ENGINE_KEY_HASH => uc sha256_hex('key-new'));
works('key-new', 'a hash never seen before replaces the key');
refused('key-4', 'the old one is refused');
$e->stop;
$e->{key} = 'key-5';
$e->launch(ENGINE_API_KEY => undef, ENGINE_KEY_HASH =>
    sha256_hex('key-5'), ENGINE_KEY_ROTATION_REJECT_OLD => 'true',
    BAP_KEY_ROTATION_MIN_OVERLAP_SECONDS => 5,
    BAP_KEY_ROTATION_MAX_OVERLAP_SECONDS => 50);
error_is(rotate('key-5', 'key-6', overlap_seconds => 4), 422,
    'VALIDATION_ERROR', 'below the least overlap');
error_is(rotate('key-5', 'key-6', overlap_seconds => 51), 422,
    'VALIDATION_ERROR', 'above the greatest');
is(rotate('key-5', 'key-6')->{status}, 200, 'an overlap by default');
error_is(as('key-5'), 401, 'KEY_ROTATION_PENDING',
    'reject old: says that it was replaced');
works('key-6', 'reject old: the new key works');
refused('key-4', 'reject old: any other is merely wrong');
# Rotations at the same time, each from the key that was in force.
$e->stop;
$e->{key} = 'key-7';
$e->launch(ENGINE_API_KEY => undef, ENGINE_KEY_HASH => sha256_hex('key-7'));
my @conns = map { [$e->{http}->connect, $_] } 1 .. 4;
for my $c (@conns) {
	$c->[0]->put($e->{http}->bytes_of(POST => '/admin/rotate-key',
	    json => { new_key_hash => sha256_hex("many-$c->[1]"),
	    overlap_seconds => 100 }));
}
my @done = grep { $_->[0]->head('POST')->{status} == 200 } @conns;
my @work = grep { as("many-$_->[1]")->{status} == 200 } @conns;
ok(@done >= 1, 'rotations at once: one at least is done');
is(scalar @work, @done > 1 ? 2 : 1,
    'the last is in force, and the one before');
is(as('key-7')->{status}, @done > 1 ? 401 : 200,
    'the first key has been replaced more than once');
my ($last) = map { "many-$_->[1]" } @work;
$e->{http}{headers}{'X-Engine-Key'} = $e->{key} = $last;
# Bad keys come before everything else.
error_is($e->request(POST => '/admin/rotate-key', body => '{',
    key => 'key-4'), 401, 'INVALID_KEY', 'bad JSON with a bad key');
error_is($e->get('/nowhere', key => undef), 401, 'INVALID_KEY',
    'an unknown path without a key');
is($e->get('/health', key => undef)->{status}, 200, 'health needs none');
unlike(slurp($e->{log}), qr/key-[3-6]|key-new|\Q${\ sha256_hex('key-6')}\E/,
    'no key and no hash in the log');
$e->stop;
done_testing;
