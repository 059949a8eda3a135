#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Skills: list, detail, create, change, delete; what survives; use in a turn.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use September;
use Test::More;

binmode Test::More->builder->$_, ':utf8'
    for qw(output failure_output todo_output);
alarm 120;
my $llm = September::MockLLM->start;
my $e = September->new(catalog => 'none', llm => $llm, stalls => 1);
$e->catalog_file('skills/counter/SKILL.md', <<'END');
---
name: counter
description: Counts things.
---
# Counter

Count one by one.
END
$e->catalog_file('skills/counter/scripts/count.sh', "echo 1 2 3\n");
$e->launch;

sub list { return $e->get('/skills')->{json} }
sub names { return join ' ', sort map { $_->{name} } @{ list() } }

# --- the platform's own
my $l = list();
is(scalar @$l, 1, 'one skill');
is_deeply([sort keys %{ $l->[0] }], [qw(category confidence description
    name source)], 'the fields of a list');
is($l->[0]{source}, 'platform', 'of the platform');
my $d = $e->get('/skills/counter')->{json};
is($d->{name}, 'counter', 'detail: name');
is($d->{description}, 'Counts things.', 'detail: description');
like($d->{prompt_template}, qr/Count one by one\./, 'detail: prompt');
unlike($d->{prompt_template}, qr/^---/, 'detail: without front matter');
is($d->{scripts}{'count.sh'}, "echo 1 2 3\n", 'detail: scripts');
is(ref $d->{capabilities}, 'ARRAY', 'detail: capabilities');
error_is($e->get('/skills/nope'), 404, 'SKILL_NOT_FOUND');
error_is($e->put('/skills/counter', { prompt => 'x' }), 403,
    'PERMISSION_DENIED', 'no change of a platform skill');
error_is($e->delete('/skills/counter'), 403, 'PERMISSION_DENIED',
    'no end of one');
error_is($e->post('/skills/create', { name => 'counter', prompt => 'x' }),
    409, 'SKILL_EXISTS', 'nor its name');

# --- create
my %new = (name => 'greet-2', description => 'Grüße', category => 'talk',
    prompt => "Say {{what}}.\n\x{1f600}", capabilities => ['talk'],
    scripts => { 'hi.py' => "print('hi')\n" });
my $r = $e->post('/skills/create', \%new);
is($r->{status}, 200, 'create');
my %want = (%new, prompt_template => $new{prompt});
delete $want{prompt};
for my $k (sort keys %want) {
	is_deeply($r->{json}{$k}, $want{$k}, "created: $k");
}
is_deeply($e->get('/skills/greet-2')->{json}, $r->{json},
    'the detail is the same');
is(names(), 'counter greet-2', 'it is in the list');
is((grep { $_->{name} eq 'greet-2' } @{ list() })[0]{source}, 'custom',
    'as custom');
error_is($e->post('/skills/create', \%new), 409, 'SKILL_EXISTS',
    'not twice');
is($e->post('/skills/create', { name => 'only-script', scripts =>
    { 'a.sh' => 'true' } })->{status}, 200, 'scripts without a prompt');
is($e->post('/skills/create', { name => 'a' x 64, prompt => 'x',
    unknown => 1 })->{status}, 200, 'a long name, an unknown field');
for my $c (
    [{ prompt => 'x' }, 400, 'BAD_REQUEST', 'no name'],
    [{ name => 'x' }, 400, 'BAD_REQUEST', 'neither prompt nor scripts'],
    [{ name => 'x', scripts => {} }, 400, 'BAD_REQUEST', 'empty scripts'],
    [{ name => 5, prompt => 'x' }, 422, 'name', 'name a number'],
    [{ name => 'x', prompt => 5 }, 422, 'prompt', 'prompt a number'],
    [{ name => 'x', prompt => 'x', description => [] }, 422, 'description',
	'description an array'],
    [{ name => 'x', prompt => 'x', category => 1 }, 422, 'category',
	'category a number'],
    [{ name => 'x', prompt => 'x', scripts => [] }, 422, 'scripts',
	'scripts an array'],
    [{ name => 'x', prompt => 'x', scripts => { a => 1 } }, 422, undef,
	'a script a number'],
    [{ name => 'x', prompt => 'x', scripts => { '../a' => 'x' } }, 422,
	undef, 'a script outside'],
    [{ name => 'x', prompt => 'x', capabilities => 'y' }, 422,
	'capabilities', 'capabilities a string'],
    (map { [{ name => $_, prompt => 'x' }, 422, 'name', "name '$_'"] }
	'', 'create', 'Upper', 'a_b', 'a b', '-a', 'a-', 'a--b', 'ä', 'a/b',
	'..', 'a' x 65)) {
	my ($body, $status, $what, $name) = @$c;

	$r = $e->post('/skills/create', $body);
	error_is($r, $status, $status == 422 ? 'VALIDATION_ERROR' : $what,
	    "create: $name");
	is($r->{json}{details}{field}, $what, "create: $name: the field")
	    if $status == 422 && defined $what;
}
is(names(), join(' ', sort 'counter', 'greet-2', 'only-script', 'a' x 64),
    'nothing more was made');
error_is($e->request(POST => '/skills/create', body => '{'), 400,
    'BAD_REQUEST', 'create: no JSON');

# --- change, delete
$r = $e->put('/skills/greet-2', { description => 'Hello' });
is($r->{status}, 200, 'change');
is($r->{json}{description}, 'Hello', 'what was named');
is($r->{json}{prompt_template}, $new{prompt}, 'the rest stays');
is_deeply($r->{json}{scripts}, $new{scripts}, 'scripts too');
is_deeply($e->get('/skills/greet-2')->{json}, $r->{json}, 'in force');
is($e->put('/skills/greet-2', { name => 'greet-2', prompt => 'New.' })
    ->{json}{prompt_template}, 'New.', 'the same name is no rename');
error_is($e->put('/skills/greet-2', { name => 'other' }), 422,
    'VALIDATION_ERROR', 'a rename');
error_is($e->put('/skills/greet-2', { prompt => [] }), 422,
    'VALIDATION_ERROR', 'a wrong type');
error_is($e->put('/skills/nope', { prompt => 'x' }), 404, 'SKILL_NOT_FOUND',
    'a change of nothing');
is_deeply($e->delete('/skills/only-script')->{json},
    { status => 'deleted', name => 'only-script' }, 'delete');
error_is($e->delete('/skills/only-script'), 404, 'SKILL_NOT_FOUND',
    'only once');
error_is($e->get('/skills/only-script'), 404, 'SKILL_NOT_FOUND', 'gone');

# --- in a turn
sub system_prompt { return ($llm->requests)[-1]{body}{messages}[0]{content} }

$llm->script({ tools => [{ name => 'use_skill', input =>
    { name => 'greet-2' } }, { name => 'use_skill', input =>
    { name => 'counter' } }, { name => 'use_skill', input =>
    { name => 'nope' } }, { name => 'use_skill', input => {} }] }, 'ok');
my $t = $e->turn('use', 'x');
turn_ok($t, 'a turn with use_skill');
my %by = map { $_->{tool_call_id} => $_ } @{ $t->{results} };
my @res = map { $by{ $_->{tool_call_id} } } @{ $t->{tools} };
like($res[0]{output}, qr/New\..*print\('hi'\)/s, 'a custom skill, whole');
like($res[1]{output}, qr/Count one by one.*count\.sh/s, 'a platform skill');
ok($res[2]{error}, 'an unknown one is a tool error');
is($res[3]{error}, 'invalid_input', 'a missing name too');
like(system_prompt(), qr/greet-2: Hello/, 'the prompt lists it');
unlike(system_prompt(), qr/only-script/, 'and no deleted one');
$e->post('/skills/create', { name => 'late', prompt => 'x',
    description => 'Came late.' });
$e->turn('use', 'y');
like(system_prompt(), qr/late: Came late\./, 'a new one at the next turn');

# --- many want one name
my @conns = map { [$e->{http}->connect, $_] } 1 .. 12;
for my $c (@conns) {
	$c->[0]->put($e->{http}->bytes_of(POST => '/skills/create', json =>
	    { name => 'race', prompt => "by $c->[1]" }));
}
my %status;
my $winner;
for my $c (@conns) {
	my $h = $c->[0]->head('POST');

	$status{ $h->{status} }++;
	$winner = $c->[1] if $h->{status} == 200;
}
is_deeply(\%status, { 200 => 1, 409 => 11 }, 'one makes it, 11 are told');
is($e->get('/skills/race')->{json}{prompt_template}, "by $winner",
    'and it is the one that was answered');

# --- restart
my ($all, $one) = (names(), $e->get('/skills/greet-2')->{json});
$e->stop;
$e->restart;
is(names(), $all, 'all there after a restart');
is_deeply($e->get('/skills/greet-2')->{json}, $one, 'as they were');
# A platform skill that comes later has the name.
$e->catalog_file('skills/late/SKILL.md',
    "---\nname: late\ndescription: Official.\n---\nbody\n");
$r = $e->post('/admin/reload-catalog', {});
is($r->{status}, 200, 'a platform skill of the same name loads');
is(scalar(grep { $_->{name} eq 'late' } @{ list() }), 1, 'there is one');
$e->stop;
done_testing;
