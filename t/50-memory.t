#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# /memory/...: shapes and errors, writing, changing and removing items,
# searching, superseding, /rpc, the tools in a turn, a restart.
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
my $e = September->start(env => { LLM_PROVIDER => 'scripted' });

sub search
{
	my ($kind, $query, %more) = @_;
	my $r = $e->post("/memory/$kind/search", { query => $query, %more });

	is($r->{status}, 200, "$kind search: $query") or diag $r->{body};
	return ref $r->{json} eq 'ARRAY' ? @{ $r->{json} } : ();
}

# --- an empty memory, and what is refused -----------------------------------
for my $kind (qw(knowledge episodes social)) {
	is_deeply([search($kind, 'anything at all')], [], "no $kind yet");
	for my $c ([{}, 400, 'BAD_REQUEST', undef],
	    [{ query => 1 }, 422, 'VALIDATION_ERROR', 'query'],
	    [{ query => 'x', limit => 0 }, 422, 'VALIDATION_ERROR', 'limit'],
	    [{ query => 'x', limit => 101 }, 422, 'VALIDATION_ERROR',
		'limit'],
	    [{ query => 'x', limit => 'x' }, 422, 'VALIDATION_ERROR',
		'limit'],
	    [{ query => 'x', as_of => 'soon' }, 422, 'VALIDATION_ERROR',
		'as_of'],
	    [{ query => 'x', filter => [] }, 422, 'VALIDATION_ERROR',
		'filter'],
	    [{ query => 'x', filter => { since => 'x' } }, 422,
		'VALIDATION_ERROR', 'filter.since']) {
		my ($body, $status, $code, $field) = @$c;
		my $r = $e->post("/memory/$kind/search", $body);

		error_is($r, $status, $code, "$kind search, " .
		    ($field // 'no query'));
		is($r->{json}{details}{field}, $field, 'its field')
		    if defined $field;
	}
	error_is($e->put("/memory/$kind/none", {}), 404, 'ITEM_NOT_FOUND',
	    "$kind: change of nothing");
	error_is($e->delete("/memory/$kind/none"), 404, 'ITEM_NOT_FOUND',
	    "$kind: removal of nothing");
}
error_is($e->post('/memory/knowledge', {}), 400, 'BAD_REQUEST',
    'a fact without content');
error_is($e->post('/memory/knowledge', { content => 'x', confidence => 2 }),
    422, 'VALIDATION_ERROR', 'confidence over 1');
error_is($e->post('/memory/episodes', { value => 'x', facts => [1] }), 422,
    'VALIDATION_ERROR', 'facts that are numbers');
my $r = $e->post('/memory/episodes',
    { items => [{ value => 'good one' }, { value => 7 }] });
error_is($r, 422, 'VALIDATION_ERROR', 'one bad item of two');
is($r->{json}{details}{field}, 'items[1].value', 'which one');
is_deeply([search(episodes => 'good one')], [], 'none of them was kept');
error_is($e->post('/memory/episodes', { items => {} }), 422,
    'VALIDATION_ERROR', 'items an object');

# --- facts -------------------------------------------------------------------
$r = $e->post('/memory/knowledge', { subject => 'Ana', type => 'preference',
    content => 'Ana drinks her coffee black.', confidence => 0.9,
    source => 'turn-1', valid_from => '2024-01-01' });
is($r->{status}, 200, 'a fact') or diag $r->{body};
my ($id) = @{ $r->{json}{ids} };
like($id, qr/^fact-/, 'its id');
my ($f) = search(knowledge => 'How does Ana take her coffee?');
is_deeply([sort keys %$f], [sort qw(id subject content type confidence
    source valid_from valid_until score)], 'the form of a fact');
is($f->{id}, $id, 'found');
cmp_ok($f->{score}, '>', 0, 'with a score');
is($f->{valid_from}, '2024-01-01T00:00:00.000Z', 'a date became a time');
is($f->{valid_until}, undef, 'valid until: not known');
is_deeply([search(knowledge => 'coffee', as_of => '2023-06-01')], [],
    'not valid before');
is_deeply([search(knowledge => 'coffee', filter => { type => 'fact' })], [],
    'of another type');
$r = $e->put("/memory/knowledge/$id",
    { content => 'Ana takes milk in her coffee.' });
is($r->{status}, 200, 'changed');
is($r->{json}{id}, $id, 'the same id');
is($r->{json}{subject}, 'Ana', 'the rest stays');
($f, my @more) = search(knowledge => 'black milk coffee');
is($f->{content}, 'Ana takes milk in her coffee.', 'the new one is found');
is(scalar @more, 0, 'the old one is superseded');
$r = $e->post('/memory/knowledge', { id => 'fact-mine', content => 'Tee' });
is_deeply($r->{json}, { ids => ['fact-mine'] }, 'a given id is kept');
$e->post('/memory/knowledge', { id => 'fact-mine', content => 'Kakao' });
is(scalar(search(knowledge => 'tee')), 0, 'written again: changed');
is((search(knowledge => 'kakao'))[0]{id}, 'fact-mine', 'under the same id');
$r = $e->delete('/memory/knowledge/fact-mine');
is_deeply($r->{json}, { status => 'deleted', id => 'fact-mine' }, 'removed');
is_deeply([search(knowledge => 'kakao')], [], 'and gone');

# --- episodes ----------------------------------------------------------------
my @talk = (
    ['Ana', 'Hi Ben! Did you ever finish that boat you were building?'],
    ['Ben', 'I did, and we sailed it across the bay on Saturday.'],
    ['Ana', 'How wonderful. The weather was awful here.'],
    ['Ben', 'Next month I start a pottery class.'],
);
$r = $e->post('/memory/episodes', { items => [map +{ session => 's1',
    seq => $_, speaker => $talk[$_][0], value => $talk[$_][1],
    occurred_at => '2023-05-08T13:56:00' }, 0 .. $#talk] });
is($r->{status}, 200, 'a conversation') or diag $r->{body};
is(scalar @{ $r->{json}{ids} }, 4, 'four ids');
like($r->{json}{ids}[0], qr/^ep-/, 'their prefix');
my @ep = search(episodes => 'What class does Ben start?');
is($ep[0]{value}, $talk[3][1], 'the turn with the words');
for my $key (qw(id key description value task_id occurred_at confidence
    source score)) {
	ok(exists $ep[0]{$key}, "an episode has $key");
}
is($ep[0]{speaker}, 'Ben', 'who spoke');
@ep = search(episodes => 'Did Ben finish the boat?');
is($ep[0]{value}, $talk[1][1], 'the answer comes with the question');
is((search(episodes => 'boat', limit => 1)), 1, 'limit');
is_deeply([map $_->{speaker}, search(episodes => 'boat class weather',
    filter => { speaker => 'Ana' })], ['Ana', 'Ana'], 'by speaker');
is_deeply([search(episodes => 'boat', filter => { session => 's2' })], [],
    'by session');
is_deeply([search(episodes => 'boat', filter => { since => '2024-01-01' })],
    [], 'by time');
$e->post('/memory/episodes', { id => 'ep-1', value => 'A walk.',
    description => 'a photo of a lighthouse', facts => ['Ana has a dog.',
    "Its name is\nRex."], task_id => 't1' });
is((search(episodes => 'lighthouse'))[0]{id}, 'ep-1', 'by description');
($f) = search(episodes => 'rex');
is_deeply($f->{facts}, ['Ana has a dog.', 'Its name is Rex.'], 'by a fact');
is((search(episodes => 'rex', filter => { task_id => 't1' })), 1, 'by task');
is((search(episodes => 'rex', filter => { task_id => 't2' })), 0, 'not its');
is($e->put('/memory/episodes/ep-1', { value => 'A swim.' })->{json}{value},
    'A swim.', 'an episode is corrected');
is((search(episodes => 'swim'))[0]{id}, 'ep-1', 'and found so');
is($e->delete('/memory/episodes/ep-1')->{status}, 200, 'removed');
is((search(episodes => 'swim')), 0, 'and gone');

# --- people ------------------------------------------------------------------
$r = $e->post('/memory/social', { name => 'Ana', kind => 'person',
    description => 'A sailor from Porto', aliases => ['Anita'],
    relations => [{ predicate => 'friend_of', target => 'Ben',
    since => '2019' }] });
like($r->{json}{ids}[0], qr/^node-/, 'a person') or diag $r->{body};
my @p = search(social => 'Anita');
is($p[0]{name}, 'Ana', 'by alias');
is_deeply([sort keys %{ $p[0]{relations}[0] }],
    [qw(predicate since target target_id)], 'the form of a relation');
is($p[0]{relations}[0]{target}, 'Ben', 'a node was made for the friend');
is($p[1]{name}, 'Ben', 'who comes after, being related');
error_is($e->post('/memory/social', { name => 'C', relations =>
    [{ predicate => 'x', target_id => 'node-none' }] }), 422,
    'VALIDATION_ERROR', 'a relation to nobody');

# --- hostile queries ---------------------------------------------------------
for my $q ('"', "'", '*', 'a* OR', 'NEAR(a b)', 'value : x', '^boat', '(',
    'AND', 'boat AND NOT', '"; DROP TABLE episodes; --', "\x{1F600}",
    '日本語', 'العربية', '-', '+', "a\tb\nc", 'x' x 100_000,
    'word ' x 20_000, '') {
	for my $kind (qw(knowledge episodes social)) {
		my $res = $e->post("/memory/$kind/search", { query => $q });

		is($res->{status}, 200, "$kind: " . substr($q, 0, 20));
	}
}

# --- the soul ----------------------------------------------------------------
$r = $e->get('/memory/soul');
is_deeply([sort keys %{ $r->{json} }], [qw(identity patterns values)],
    'the soul');
like($r->{json}{identity}, qr/September/, 'is the one of the catalog');
$r = $e->get('/memory/soul/full');
is($r->{json}{version}, 1, 'its version');
like($r->{json}{updated_at}, qr/^\d{4}-.*Z$/, 'its time');
is(scalar @{ $r->{json}{history} }, 1, 'its history');

# --- /rpc --------------------------------------------------------------------
$r = $e->post('/rpc', { method => 'memory.knowledge.search',
    params => { query => 'coffee' } });
is($r->{json}{result}[0]{id}, $id, 'rpc: search');
error_is($e->post('/rpc', { method => 'memory.nothing', params => {} }), 404,
    'METHOD_NOT_FOUND', 'rpc: unknown');
error_is($e->post('/rpc', { method => 'memory.knowledge.search',
    params => {} }), 422, 'VALIDATION_ERROR', 'rpc: no query');

# --- in a turn ---------------------------------------------------------------
my $t = $e->turn('m1', 'remember that the spare key is under the blue pot');
turn_ok($t, 'remember');
($f) = search(knowledge => 'spare key');
is($f->{content}, 'the spare key is under the blue pot', 'it is kept');
is($f->{source}, $t->{started}{turn_id}, 'with the turn as its source');
$t = $e->turn('m2', 'what do you know about the spare key');
turn_ok($t, 'recall');
like($t->{text}, qr/under the blue pot/, 'another task knows it');
$r = $e->post('/rpc', { method => 'tool.forget',
    params => { id => $f->{id} } });
like($r->{json}{result}{output} // '', qr/Forgot \Q$f->{id}\E/,
    'forget') or diag $r->{body};
is_deeply([search(knowledge => 'spare')], [], 'it is forgotten');

# --- after a restart ---------------------------------------------------------
$e->stop;
$e->restart;
is((search(knowledge => 'coffee'))[0]{id}, $id, 'the fact is there');
is((search(episodes => 'pottery'))[0]{value}, $talk[3][1], 'the turn too');
is($e->get('/memory/soul/full')->{json}{version}, 1, 'the same soul');
$e->stop;
done_testing;
