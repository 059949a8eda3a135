#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Crashes and stops: kill -9 at random moments, drains, locks, brains that
# cannot be opened, processes left behind. SEPT_KILLS: how many kills.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use September;
use Test::More;
use Time::HiRes qw(time sleep);

my $kills = $ENV{SEPT_KILLS} // 60;
my $factor = $ENV{SEPT_TIME_FACTOR} // 1;
alarm int((300 + $kills * 4) * $factor);

my $llm = September::MockLLM->start;
my $e = September->start(catalog => 'none', llm => $llm,
    stalls => $factor > 1);
my $dir = "$e->{dir}/workspace";
my ($sqlite) = grep { -x } map { "$_/sqlite3" } split /:/, $ENV{PATH} // '';

diag('NO sqlite3 PROGRAM: the brain is not checked from outside')
    if !$sqlite;

sub sql
{
	my ($engine, $what) = @_;

	open my $fh, '-|', $sqlite, "$engine->{dir}/data/brain.db", $what or
	    die "sqlite3: $!\n";
	local $/;
	return (<$fh> // '') =~ s/\s+\z//r;
}

# Whole frames of what a client has read: [id, bytes].
sub frames_of
{
	my ($s) = @_;
	my @f;
	my $raw = $s->{raw} // '';

	while ($raw =~ /^(id: (\d+)\nevent: (?:\w+)\ndata: .*\n)\n/mg) {
		push @f, [$2, $1];
	}
	return @f;
}

# Reads what comes until that moment; 1 when the turn has ended.
sub read_until
{
	my ($s, $end) = @_;

	for (;;) {
		my $left = $end - time;
		my $ev;

		return 0 if $left <= 0;
		eval { $ev = $s->next($left); 1 } or return 0;
		return 0 if !$ev;
		return 1 if ($ev->{data}{phase} // '') =~
		    /^(?:completed|errored)$/;
	}
}

# The text that stands: deltas that were superseded are dropped.
sub standing
{
	my ($events, $from, $to) = @_;
	my @void = map { $_->{data} } grep {
	    $_->{event} eq 'text_superseded' } @$events;

	return join '', map { $_->{data}{text} } grep {
		my $ev = $_;
		$ev->{event} eq 'text_delta' && !grep {
		    $_->{from_id} <= $ev->{id} && $ev->{id} <= $_->{to_id} }
		    @void;
	} @$events;
}

# --- kill -9 -----------------------------------------------------------------
my %count = (kills => 0, turns => 0, unknown => 0, superseded => 0,
    resumed => 0);

# Three model calls; the second and third know the calls before them.
sub scenario
{
	my ($k) = @_;
	my @pieces = map { "w$_ " } 1 .. 20;
	my $bash = sub { +{ name => 'bash', input => { command =>
	    "echo $_[0]$k >> $dir/ran-$k; sleep 0.0$_[1]" } } };

	spew("$dir/read-$k", "content of $k\n");
	$llm->script(
	    { when => qr/echo b$k /, times => 0, delay => 0.003,
	      text => ['third ', @pieces] },
	    { when => qr/echo a$k /, times => 0, delay => 0.003,
	      text => ['second ', @pieces], tools => [$bash->('b', 1)] },
	    { times => 0, delay => 0.003, text => ['first ', @pieces],
	      tools => [$bash->('a', 5), { name => 'read_file',
		input => { path => "$dir/read-$k" } }, $bash->('c', 2)] });
	return map { my $n = $_; join '', "$n ", @pieces }
	    qw(first second third);
}

sub judge
{
	my ($k, $seen, $posts, @texts) = @_;
	my $r = $e->replay(task_id => "kill-$k", timeout => 30 * $factor);
	my @ev = $r->all(60 * $factor);
	my %at = map { $_->[0] => $_->[1] } frames_of($r);
	my @lost = grep { ($at{$_} // '') ne $seen->{$_} } sort keys %$seen;
	my $t = September::digest($r);
	my (%ran, %calls, %res, %turns);
	my @bad;

	push @bad, $r->problems(several => 0);
	push @bad, 'an event that was seen is gone or another: ' .
	    "$seen->{$lost[0]} / " . ($at{$lost[0]} // 'nothing') if @lost;
	push @bad, 'not completed: ' . ($t->{error} ?
	    "$t->{error}{error} $t->{error}{message}" : '')
	    if !$t->{completed};
	$turns{ $_->{data}{turn_id} }++
	    for grep { $_->{event} eq 'thread_lifecycle' } @ev;
	push @bad, 'turn ids: ' . join ' ', %turns if keys %turns != 1;
	push @bad, "text: '" . standing(\@ev) . "'"
	    if standing(\@ev) ne join '', @texts;
	$ran{$_}++ for split /\n/, slurp("$dir/ran-$k");
	$calls{ $_->{tool_call_id} }++ for @{ $t->{tools} };
	$res{ $_->{tool_call_id} }++ for @{ $t->{results} };
	push @bad, "$_ ran $ran{$_} times" for grep { $ran{$_} > 1 } keys %ran;
	push @bad, 'calls: ' . join ' ', %calls
	    if keys %calls != 4 || grep { $_ != 1 } values %calls;
	push @bad, 'results: ' . join ' ', %res
	    if join(' ', sort keys %calls) ne join(' ', sort keys %res) ||
	    grep { $_ != 1 } values %res;
	my %name = map { $_->{tool_call_id} =>
	    ($_->{input}{command} // '') =~ /echo (\w+)/ ? $1 : 'read' }
	    @{ $t->{tools} };
	for my $res (@{ $t->{results} }) {
		my $n = $name{ $res->{tool_call_id} } // '?';

		if (!defined $res->{error}) {
			push @bad, "$n has a result but did not run"
			    if $n ne 'read' && !$ran{$n};
		} elsif ($res->{error} eq 'outcome_unknown' && $n ne 'read') {
			$count{unknown}++;
		} else {
			push @bad, "$n: $res->{error} $res->{output}";
		}
	}
	my $m = $e->get("/tasks/kill-$k/messages")->{json}{messages};
	my @said = map { join '', map { $_->{type} eq 'text' ?
	    $_->{text} : () } @{ $_->{content} } }
	    grep { $_->{role} eq 'assistant' } @$m;
	push @bad, 'roles: ' . join ' ', map { $_->{role} } @$m
	    if join(' ', map { $_->{role} } @$m) ne
	    'user assistant tool assistant tool assistant';
	push @bad, "the thread's texts: " . join '|', @said
	    if join('|', @said) ne join '|', @texts;
	push @bad, 'the answer is not the last message'
	    if ($t->{completed}{message_id} // '') ne
	    ($m->[-1]{message_id} // '?');
	my $task = $e->get("/tasks/kill-$k")->{json};
	push @bad, "state $task->{state}" if $task->{state} ne 'idle';
	$count{superseded} += grep { $_->{event} eq 'text_superseded' } @ev;
	$count{turns}++;
	if (@bad) {
		diag("task kill-$k: $_") for @bad;
		diag("events: " . $r->summary);
	}
	return @bad == 0;
}

my ($wrong, $damaged) = (0, 0);

for (my $k = 0; $count{kills} < $kills && $wrong < 3; $k++) {
	my @texts = scenario($k);
	my (%seen, $ended);
	my $posts = 0;

	while (!$ended) {
		my $s = eval { $e->replay(task_id => "kill-$k") };
		my $quick = rand() < 0.5 ? 0.15 : 0.8;

		if (!$s || $s->{refused}) {
			$s = eval { $e->execute({ task_id => "kill-$k",
			    message => "go" }) };
			$posts++;
		} elsif ($posts) {
			$count{resumed}++;
		}
		# Later rounds get more time, so that every turn ends.
		$ended = $s && !$s->{refused} ?
		    read_until($s, time + rand($quick) * $factor) : 0;
		if (!$ended || rand() < 0.3) {
			$e->kill9;
			$count{kills}++;
			# What was on its way has been seen as well.
			eval { 1 while $s->next(0.5) } if $s;
			$e->restart;
		}
		if ($s) {
			for (frames_of($s)) {
				my ($id, $raw) = @$_;

				if (defined $seen{$id} && $seen{$id} ne $raw) {
					diag("replayed as another: $raw");
					$wrong++;
				}
				$seen{$id} = $raw;
			}
		}
		if ($sqlite && $count{kills} % 20 == 19 && !$ended) {
			my $said = sql($e, 'PRAGMA integrity_check');

			diag("integrity_check: $said") if $said ne 'ok';
			$damaged++ if $said ne 'ok';
		}
	}
	judge($k, \%seen, $posts, @texts) or $wrong++;
}
is($wrong, 0, "$count{kills} kills in $count{turns} turns");
diag(join ', ', map { "$_: $count{$_}" } sort keys %count);
ok($count{resumed} > $kills / 4, 'turns went on');
ok($count{superseded} > 0, 'text was superseded');
SKIP: {
	skip 'no sqlite3 program', 1 if !$sqlite;
	is(sql($e, 'PRAGMA integrity_check'), 'ok', 'the brain is whole');
}
is($damaged, 0, 'and was all the time');
$e->stop;

# --- drain -------------------------------------------------------------------
$e = September->start(catalog => 'none', llm => $llm, stalls => $factor > 1,
    env => { ENGINE_DRAIN_SECONDS => 20 * $factor });
$llm->script({ text => [map { "w$_ " } 1 .. 40], delay => 0.05 });
my $s = $e->execute({ task_id => 'drain', message => 'x' });
$s->until('text_delta');
$e->signal('TERM');
my $end = time + 5 * $factor;
my $r;
do {
	$r = $e->post('/execute', { task_id => 'new', message => 'x' });
} while ($r->{status} == 200 && time < $end);
error_is($r, 503, 'UNAVAILABLE', 'draining: no new turn');
like($r->{headers}{'retry-after'} // '', qr/^\d+$/, 'with Retry-After');
is($e->get('/health', key => undef)->{json}{status}, 'stopping',
    '/health answers');
my $other = $e->replay(task_id => 'drain');
$s->all(20 * $factor);
turn_ok(September::digest($s), 'the turn ends within the drain');
$other->all(20 * $factor);
is(join('', $other->frames), join('', $s->frames), 'replay does as well');
ok($e->reap(10 * $factor), 'then the engine ends') or $e->kill9;
is($e->{status}, 0, 'with 0');
$e->restart;
is(join('', map { $_->{raw} } $e->replay(task_id => 'drain')->all),
    join('', $s->frames), 'the events are there after it');
my $began = time;
$e->stop(name => 'an idle engine ends with 0');
ok(time - $began < 3 * $factor, 'at once');

# A drain that runs out: the turn goes on at the next start.
$e->restart(ENGINE_DRAIN_SECONDS => 1);
$llm->script({ text => ['one ', 'two ', 'three '], fault => 'hang_mid' });
$s = $e->execute({ task_id => 'over', message => 'x' });
$s->until('text_delta');
$began = time;
$e->stop(name => 'a drain that runs out ends with 0');
ok(time - $began < 8 * $factor, 'in time');
eval { $s->all(5) };
$llm->script({ text => 'all of it' });
$e->restart;
$r = $e->replay(task_id => 'over');
$r->all(20);
my $t = September::digest($r);
turn_ok($t, 'the turn goes on');
is(standing($t->{events}), 'all of it', 'its text');
is($t->{completed}{turn_id}, $s->{events}[0]{data}{turn_id}, 'the same turn');
is(join('', map { $_->{raw} }
    @{ $r->{events} }[0 .. $#{ $s->{events} }]), join('', $s->frames),
    'what was seen is the same');

# The second signal does not wait; with a tool that runs.
$llm->script({ when => qr/outcome_unknown/, text => 'I see.', times => 0 },
    { tools => [{ name => 'bash', input => {
	command => "echo x >> $dir/../workspace/second; sleep 3077" } }] });
$s = $e->execute({ task_id => 'second', message => 'x' });
$s->until('tool_call');
$e->signal('TERM');
$end = time + 5 * $factor;
sleep 0.02 while time < $end && $e->log_text !~ /stopping/;
$began = time;
$e->signal('TERM');
ok($e->reap(5 * $factor), 'a second TERM ends it') or $e->kill9;
ok(time - $began < 2 * $factor, 'at once');
$e->restart;
$r = $e->replay(task_id => 'second');
$r->all(20);
$t = September::digest($r);
turn_ok($t, 'and its turn goes on');
is($t->{results}[0]{error}, 'outcome_unknown',
    'the model hears that the outcome is unknown');
is($t->{text}, 'I see.', 'and answers');

# --- processes left behind ---------------------------------------------------
# Commands of this engine's shells, by a number that is its own.
sub left_behind
{
	my ($mark) = @_;
	my @found;

	for my $d (glob '/proc/[0-9]*') {
		my $c = slurp("$d/cmdline") =~ tr/\0/ /r;

		push @found, "$d $c" if $c =~ /^sleep $mark/;
	}
	return @found;
}

my $mark = 400_000 + $$ * 10;
my $hang = sub { $llm->script({ tools => [{ name => 'bash', input => {
    command => "sleep ${mark}1 & setsid sleep ${mark}2 & " .
    "(setsid sh -c 'sleep ${mark}3 & sleep ${mark}4' &) ; " .
    "echo ready; sleep ${mark}5" } }], times => 1 },
    { text => 'ok', times => 0 }) };
my $settle = sub {
	my ($want) = @_;
	my $until = time + 10 * $factor;
	my @found;

	do {
		@found = left_behind($mark);
		sleep 0.05;
	} while (($want ? @found < $want : @found) && time < $until);
	return @found;
};

for my $how (qw(cancel TERM)) {
	$hang->();
	$s = $e->execute({ task_id => "left-$how", message => 'x' });
	$s->until('tool_call');
	is(scalar($settle->(5)), 5, "$how: five processes run");
	if ($how eq 'cancel') {
		$e->post('/execute/cancel', { task_id => "left-$how" });
		$s->all(15 * $factor);
	} else {
		$e->stop(name => "$how: ends with 0");
	}
	my @found = $settle->(0);

	is(scalar @found, 0, "$how: none is left") or diag("@found");
	for (@found) {
		kill 'KILL', m{^/proc/(\d+)};
	}
	$e->restart(ENGINE_DRAIN_SECONDS => 1) if !$e->{pid};
	$e->get('/health');
	my $rp = $e->replay(task_id => "left-$how");
	$rp->all(20 * $factor);
	turn_ok(September::digest($rp), "$how: the turn ends");
	$e->stop;
	$e->restart(ENGINE_DRAIN_SECONDS => 1);
}

# --- who may open a brain ----------------------------------------------------
sub one_line
{
	my ($f, $like, $name) = @_;
	my @lines = grep { /\S/ } split /\n/, $f->{stderr};

	isnt($f->{status}, 0, "$name: refused");
	unlike($f->{status}, qr/signal/, "$name: not by a crash");
	is(scalar @lines, 1, "$name: one line") or diag($f->{stderr});
	like($lines[0] // '', $like, "$name: that says why");
}

one_line(September->refuse(catalog => 'none', dir => $e->{dir},
    env => { ENGINE_PORT_FILE => "$e->{dir}/port2" }),
    qr/brain|in use|lock/i, 'a second engine on one brain');
is($e->get('/health')->{status}, 200, 'the first is not disturbed');
$e->stop;
my $db = "$e->{dir}/data/brain.db";
SKIP: {
	skip 'no sqlite3 program', 4 if !$sqlite;
	my $v = sql($e, 'PRAGMA user_version');

	sql($e, 'PRAGMA user_version = ' . ($v + 1000));
	one_line(September->refuse(catalog => 'none', dir => $e->{dir}),
	    qr/newer|version/i, 'a brain of a newer engine');
	sql($e, "PRAGMA user_version = $v");
}
my $whole = slurp($db);
for my $c (['not a database', 'x' x 8192], ['a torn header',
    substr($whole, 0, 60)], ['noise in its middle', substr($whole, 0, 4096) .
    ("\xa5" x (length($whole) - 4096))]) {
	spew($db, $c->[1]);
	one_line(September->refuse(catalog => 'none', dir => $e->{dir}),
	    qr/brain\.db|brain|database/i, $c->[0]);
	is(slurp($db), $c->[1], "$c->[0]: the file is left as it was");
}
unlink "$db-wal", "$db-shm";
spew($db, $whole);
$e->restart;
turn_ok($e->turn('again', 'x'), 'the whole brain opens again');
$e->stop;
done_testing;
