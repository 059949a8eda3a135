#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The journal seen from outside: live stream, replay and reconnect are byte
# for byte the same, from whatever cursor, however often a client is cut.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use September;
use Test::More;

alarm 300;
my $llm = September::MockLLM->start;
my $e = September->start(catalog => 'none', llm => $llm);
my $cuts = $ENV{SEPT_CUTS} // 500;

sub frames { return join '', map { $_->{raw} } grep { defined $_->{id} } @_ }

$llm->script({ text => [map { "word$_ " } 1 .. 300] }, { text => 'short' });
my $t = $e->turn('long', 'go');
turn_ok($t, 'a turn of 300 pieces');
my @live = grep { defined $_->{id} } @{ $t->{events} };
my $all = frames(@live);
my $r = $e->replay(task_id => 'long');
is(frames($r->all), $all, 'a replay is byte-identical');
is(frames($e->replay->all), $all, 'without task_id: the newest task');
is(frames($e->replay(task_id => 'long', follow => 'false')->all), $all,
    'follow=false');

# Every cursor
my $mid = $live[@live / 2];
my $rest = frames(grep { $_->{id} > $mid->{id} } @live);
is(frames($e->replay(task_id => 'long', after_id => $mid->{id})->all), $rest,
    'after_id');
is(frames($e->replay(task_id => 'long', last_event_id => $mid->{id})->all),
    $rest, 'Last-Event-ID');
is(frames($e->replay(task_id => 'long', last_event_id => $mid->{id},
    after => 1)->all), $rest, 'wins over after');
is(frames($e->replay(task_id => 'long',
    after => $mid->{data}{timestamp})->all), $rest, 'after as ISO time');
my ($ms) = $mid->{data}{timestamp} =~ /\.(\d{3})Z/;
my $unix = do {
	my @p = $mid->{data}{timestamp} =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)/;
	require Time::Local;
	Time::Local::timegm($p[5], $p[4], $p[3], $p[2], $p[1] - 1, $p[0]);
};
is(frames($e->replay(task_id => 'long', after => $unix . $ms)->all), $rest,
    'after as milliseconds, strictly');
is(frames($e->replay(task_id => 'long', after => 0)->all), $all, 'after=0');
is(frames($e->replay(task_id => 'long', after_id => $live[-1]{id})->all), '',
    'after the last: nothing');
is(frames($e->replay(task_id => 'long', after_id => 999_999)->all), '',
    'a future id: nothing');
is($e->replay(task_id => 'long', after_id => 999_999)->{status}, 200,
    'and no error');

for my $c (['after', 'x'], ['after', '-1'], ['after', '1.5'],
    ['after', '9' x 30], ['after_id', 'x'], ['after_id', '-3'],
    ['follow', '1'], ['follow', 'yes']) {
	error_is($e->get("/execute/replay?task_id=long&$c->[0]=$c->[1]"), 400,
	    'BAD_REQUEST', "$c->[0]=$c->[1]");
}
error_is($e->get('/execute/replay?task_id=long',
    headers => { 'Last-Event-ID' => 'abc' }), 400, 'BAD_REQUEST',
    'Last-Event-ID: abc');
error_is($e->get('/execute/replay?task_id=none'), 404, 'TASK_NOT_FOUND');

# Ids go on in the next turn.
my $t2 = $e->turn('long', 'more');
turn_ok($t2, 'a second turn');
is($t2->{events}[0]{id}, $live[-1]{id} + 1, 'ids go on');
is(frames($e->replay(task_id => 'long', after_id => $live[-1]{id})->all),
    frames(@{ $t2->{events} }), 'the second turn alone');
$all .= frames(@{ $t2->{events} });
is(frames($e->replay(task_id => 'long')->all), $all, 'both turns');

# Cut anywhere while it runs, reconnect with the last id seen.
my $bad = 0;
my ($n, $streams) = (0, 0);
while ($n < $cuts) {
	my $task = 'cut-' . $streams++;

	$llm->script({ text => [map { "token$_ " } 1 .. 300],
	    delay => 0.001 });
	my $s = $e->execute({ task_id => $task, message => 'go' });
	my ($seen, $last, $ended) = ('', 0, 0);

	while (!$ended) {
		my $at = 1 + int rand 1500;

		$s->cut_at($at);
		$n++;
		# What a client has when its connection breaks: whole frames.
		my $got = substr $s->{raw} // '', 0, $at;
		while ($got =~
		    /^id: (\d+)\nevent: (\w+)\ndata: (.*)\n\n/mg) {
			# {raw} of an event is without the empty line.
			$seen .= substr $&, 0, -1;
			$last = $1;
			$ended = 1 if $2 eq 'thread_lifecycle' &&
			    $3 !~ /"phase":"started"/;
		}
		last if $ended;
		$s = $e->replay(task_id => $task, last_event_id => $last);
	}
	my $want = frames($e->replay(task_id => $task)->all);

	$bad++ if $seen ne $want;
	$r = $e->replay(task_id => $task);
	$r->all;
	$bad++ if September::digest($r)->{text} ne
	    join '', map { "token$_ " } 1 .. 300;
}
is($bad, 0, "$n cuts in $streams turns: nothing lost, nothing twice");

# Several at once, and a replay that follows a running turn.
$llm->script({ text => [map { "t$_ " } 1 .. 100], delay => 0.01 });
my $s = $e->execute({ task_id => 'many', message => 'go' });
my @readers = map { $e->replay(task_id => 'many', after_id => $_ * 3) } 0 .. 9;
$s->all(20);
my $whole = frames(@{ $s->{events} });
for my $i (0 .. 9) {
	my @ev = $readers[$i]->all(20);

	is(frames(@ev), frames(grep { $_->{id} > $i * 3 } @{ $s->{events} }),
	    "reader $i beside the turn");
}

# Past the time to live: nothing, and no error.
my $e2 = September->start(catalog => 'none', llm => $llm,
    env => { CHANNEL_STATE_TTL_ACTIVE => 1 });
$llm->script({ text => 'one' }, { text => 'two' });
my $old = $e2->turn('ttl', 'x');
turn_ok($old, 'a turn');
my $end = time + 20;
my $left;
do {
	select undef, undef, undef, 0.2;
	$r = $e2->replay(task_id => 'ttl');
	$left = () = $r->all;
} while ($left && time < $end);
is($left, 0, 'expired events are gone');
is($r->{status}, 200, 'and that is no error');
my $new = $e2->turn('ttl', 'y');
ok($new->{events}[0]{id} > $old->{events}[-1]{id}, 'ids go on growing');
$e2->stop;
$e->stop;
done_testing;
