#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# No space, no permission, no memory: the request fails, the engine lives, and
# it works again when there is some. SEPT_OOM: how many allocations fail, one
# at a time; SEPT_OOM_BURST: up to so many in a row.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use September;
use Test::More;
use Time::HiRes qw(time sleep);

my $factor = $ENV{SEPT_TIME_FACTOR} // 1;
my $rounds = $ENV{SEPT_OOM} // 300;
my $burst = $ENV{SEPT_OOM_BURST} // 0;
my $sanitized = slurp(September::builddir() . '/Makefile') =~ /-fsanitize/;
alarm int((300 + $rounds) * $factor);

my $llm = September::MockLLM->start;
my @mounted;

END {
	my $status = $?;

	system('umount', '-l', $_) for @mounted;
	$? = $status;
}

sub mount_at
{
	my ($at, $options) = @_;

	return 0 if $> != 0;
	system("mount -t tmpfs -o $options tmpfs $at 2>/dev/null") == 0 or
	    return 0;
	push @mounted, $at;
	return 1;
}

sub unmount
{
	my $at = pop @mounted;

	system('umount', $at);
}

sub health_becomes
{
	my ($e, $want, $name) = @_;
	my $end = time + 20 * $factor;
	my $h;

	do {
		$h = $e->get('/health');
		sleep 0.1;
	} while ($h->{json}{status} ne $want && time < $end);
	is($h->{json}{status}, $want, $name);
	return $h;
}

# A turn, whatever comes of it: what was seen, and how it ended.
my %seen;
sub any_turn
{
	my ($e, $task, $timeout, $conn) = @_;
	my $s = eval { $e->execute({ task_id => $task, message => 'x' },
	    timeout => $timeout // 15 * $factor, conn => $conn) };

	return "no reply: $@" if !$s;
	return "refused $s->{status} " . ($s->{json}{error} // '')
	    if $s->{refused};
	eval { $s->all($timeout // 15 * $factor); 1 } or
	    return 'hangs: ' . $s->summary;
	$seen{$task}{ $_->{id} } = $_->{raw}
	    for grep { defined $_->{id} } @{ $s->{events} };
	my $t = September::digest($s);

	return $t->{error} ? "error $t->{error}{error}" :
	    $t->{completed} ? 'completed' : 'cut';
}

sub all_there
{
	my ($e, $name) = @_;
	my @lost;

	for my $task (sort keys %seen) {
		my $r = $e->replay(task_id => $task);
		my %now;

		eval { $r->all; 1 } or push @lost, "$task: hangs: $@";
		%now = map { $_->{id} // '' => $_->{raw} }
		    @{ $r->{events} };

		push @lost, map { "$task: $seen{$task}{$_}" }
		    grep { ($now{$_} // '') ne $seen{$task}{$_} }
		    sort { $a <=> $b } keys %{ $seen{$task} };
	}
	is(scalar @lost, 0, $name) or 
	    diag(join "\n", @lost > 5 ? @lost[0 .. 4] : @lost);
}

# --- no space ----------------------------------------------------------------
SKIP: {
	my $e = September->new(catalog => 'none', llm => $llm,
	    allow => qr/^$/);
	my $data = "$e->{dir}/data";

	if (!mount_at($data, 'size=16m')) {
		diag('NO tmpfs CAN BE MOUNTED: a full disk is not tested');
		skip 'no mount', 12;
	}
	$e->launch;
	$llm->script({ when => qr/slowly/, delay => 0.02,
	    text => [map { "word$_ " . 'x' x 500 . ' ' } 1 .. 200] },
	    { text => 'fine ' x 50, times => 0 });
	is(any_turn($e, 'a'), 'completed', 'with space');
	my $s = $e->execute({ task_id => 'b', message => 'slowly' });
	$s->until('text_delta');

	# All but a few pages
	open my $fill, '>', "$data/fill" or die "fill: $!\n";
	my $n = 0;
	$fill->autoflush(1);
	$n++ while syswrite $fill, 'z' x 4096;
	close $fill;
	note("$n pages fill the disk");
	my $ended = eval { $s->all(30 * $factor); 1 };
	ok($ended, 'the turn that ran ends') or diag($@);
	$seen{b}{ $_->{id} } = $_->{raw}
	    for grep { defined $_->{id} } @{ $s->{events} };
	my $t = September::digest($s);

	ok($t->{error}, 'with an error') or diag($s->summary);
	my $how = any_turn($e, 'c');

	like($how, qr/^(?:refused 50[03]|error (?:UNAVAILABLE|INTERNAL))/,
	    'a new one fails');
	my $h = health_becomes($e, 'error', '/health says error');

	is($h->{status}, 503, 'with 503');
	is($h->{json}{subsystems}{database}, 'error', 'and which part');
	is($e->get('/tasks/a')->{status}, 200, 'what is there can be read');
	# The last block of the log may have room for a small row or two.
	my $wrote = 200;
	for (1 .. 50) {
		$wrote = $e->post('/feedback', { task_id => 'a',
		    feedback_type => 'rating', rating => 1 })->{status};
		last if $wrote != 200;
	}
	like($wrote, qr/^50[03]$/, 'other writes fail as well');
	unlink "$data/fill";
	health_becomes($e, 'ok', 'with space it is well by itself');
	is(any_turn($e, 'd'), 'completed', 'and works');
	my $end = time + 10 * $factor;
	my $state;

	do {
		$state = $e->get('/tasks/b')->{json}{state};
		sleep 0.1;
	} while ($state ne 'idle' && time < $end);
	is($state, 'idle', 'the task of the turn that failed is free');
	is(any_turn($e, 'a'), 'completed', 'on old tasks too');
	all_there($e, 'no event that was seen is missing');
	$e->stop(name => 'it ends well');
	$e->restart;
	is($e->get('/tasks/b')->{json}{state}, 'idle',
	    'a turn that failed for want of space does not go on');
	all_there($e, 'nor after a restart');
	is(any_turn($e, 'b'), 'completed', 'the task works');
	$e->stop;
	unmount();
}

# --- a brain that cannot be written ------------------------------------------
SKIP: {
	my $e = September->new(catalog => 'none', llm => $llm);
	my $data = "$e->{dir}/data";

	%seen = ();
	skip 'no mount', 3 if !mount_at($data, 'size=20m');
	$e->launch;
	is(any_turn($e, 'ro'), 'completed', 'a brain');
	$e->stop;
	system('mount', '-o', 'remount,ro', $data);
	my $f = September->refuse(catalog => 'none', dir => $e->{dir},
	    llm => $llm);
	my @lines = grep { /\S/ } split /\n/, $f->{stderr};

	isnt($f->{status}, 0, 'read-only: does not start');
	is(scalar @lines, 1, 'one line') or diag($f->{stderr});
	like($lines[0] // '', qr/brain|read-?only/i, 'that says why');
	system('mount', '-o', 'remount,rw', $data);
	$e->restart;
	is(any_turn($e, 'ro'), 'completed', 'writable: it starts');
	all_there($e, 'with all that was there');
	$e->stop;
	unmount();
}

# --- no memory ---------------------------------------------------------------
SKIP: {
	skip 'a sanitizer has allocations of its own', 3 if $sanitized;
	my $dir = File::Temp->newdir(TMPDIR => 1);
	my $cc = $ENV{CC} // 'cc';

	if (system("$cc -O1 -fPIC -shared -o $dir/oom.so " .
	    September::srcdir() . '/t/lib/oom.c') != 0) {
		diag('NO COMPILER: want of memory is not tested');
		skip 'no compiler', 3;
	}
	spew("$dir/ctl", "\0" x 12);
	my $e = September->start(catalog => 'none', llm => $llm, stalls => 1,
	    env => { LD_PRELOAD => "$dir/oom.so", OOM_FILE => "$dir/ctl",
	    LLM_MAX_RETRIES => 0, LLM_TIMEOUT_SECONDS => 5 });
	my $ctl = sub {
		open my $fh, '+<:raw', "$dir/ctl" or die "ctl: $!\n";
		syswrite $fh, pack 'iii', $_[0], $_[1], 0;
		close $fh;
	};
	my $script = sub { $llm->script({ when => qr/"tool"/, text =>
	    'Done.', times => 0 }, { text => 'Now: ', times => 0, tools => [{
	    name => 'bash', input => { command => 'echo hi' } }] }) };

	$script->();
	%seen = ();
	is(any_turn($e, 'calm'), 'completed', 'a calm turn');
	$ctl->(0, 0);
	any_turn($e, 'calm-2');
	my $per_turn = (unpack 'iii', slurp("$dir/ctl"))[2];

	cmp_ok($per_turn, '>', 50, "$per_turn allocations in a turn");
	my (@bad, %ends);
	my $crashes = 0;

	for my $i (1 .. $rounds) {
		my $n = $rounds >= $per_turn ? $i :
		    1 + int(($i - rand) * $per_turn / $rounds);
		# Several in a row, when asked for: see SEPT_OOM_BURST.
		my $more = $burst && $i % 3 == 0 ? int rand $burst : 0;

		# libevent itself ends the process when it has no memory for
		# a connection that it has accepted; from there on it is ours.
		my $conn = $e->{http}->connect;

		$e->get('/health', conn => $conn);
		$ctl->($n, $more);
		my $how = any_turn($e, "oom-$i", 15 * $factor, $conn);

		$ctl->(0, 0);
		$ends{$how =~ s/:.*//sr}++;
		push @bad, "$n+$more: $how" if $how =~ /^hangs/;
		if ($e->reap(0)) {
			push @bad, "$n+$more: ended with $e->{status}";
			diag($e->log_tail);
			last if ++$crashes > 3;
			$e->restart;
		}
		next if $i % 10;
		$how = any_turn($e, "well-$i");
		push @bad, "after $n+$more: $how" if $how ne 'completed';
	}
	diag(join ', ', map { "$_: $ends{$_}" } sort keys %ends);
	is(scalar @bad, 0, "$rounds allocations that fail") or
	    diag(join "\n", @bad > 10 ? @bad[0 .. 9] : @bad);
	health_becomes($e, 'ok', 'it is well after all that');
	all_there($e, 'no event that was seen is missing');
	$e->stop;
}
done_testing;
