# SPDX-License-Identifier: Apache-2.0
#
# September::SSE - reads one event stream and holds it to the wire's rules.
#
#   my $ev = $s->next;            # {id, event, data, raw, at}; undef: the end
#   my @ev = $s->all;             # to the end of the stream
#   my @ev = $s->until('usage');  # up to and with that event (or a sub)
#   $s->cut_at(1000);             # reads so many bytes and hangs up
#   $s->{status}, {headers}, {json}   # of a refusal too
#   $s->problems                  # what broke the rules, a list of texts
#
# `data` is decoded. All waits have limits and die when they pass.
package September::SSE;

use strict;
use warnings;

use Encode ();
use JSON::PP ();
use Time::HiRes qw(time);

my $json = JSON::PP->new->utf8;

sub new
{
	my ($class, $conn, $r) = @_;

	return bless { %$r, conn => $conn, buf => '', events => [],
	    comments => [], found => [], raw => '' }, $class;
}

sub refused
{
	my ($class, $r) = @_;

	return bless { %$r, conn => undef, buf => '', events => [],
	    comments => [], found => [], raw => '', ended => 1,
	    refused => 1 }, $class;
}

sub found
{
	my ($self, $text) = @_;

	push @{ $self->{found} }, $text;
}

# One more piece into the buffer; 0 at the end.
sub more
{
	my ($self, $timeout) = @_;
	my $piece = $self->{conn} ? $self->{conn}->body_piece($timeout) :
	    undef;

	if (!defined $piece) {
		$self->{ended} = 1;
		$self->{cut} = 1 if !$self->{conn} || $self->{conn}{cut};
		return 0;
	}
	$self->{buf} .= $piece;
	$self->{raw} .= $piece if !$self->{forget};
	$self->{bytes} += length $piece;
	return 1;
}

# The next event, also a heartbeat; undef at the end of the stream.
sub next
{
	my ($self, $timeout) = @_;
	my $until = time + ($timeout // $September::HTTP::TIMEOUT);

	for (;;) {
		while ($self->{buf} =~ s/\A((?:[^\n]*\n)*?)\n//) {
			my $ev = $self->frame($1);

			return $ev if $ev;
		}
		return if $self->{ended};
		my $left = $until - time;

		die "no event within the time; so far: " .
		    $self->summary . "\n" if $left <= 0;
		if (!$self->more($left) && $self->{buf} ne '') {
			$self->{rest} = $self->{buf};
			$self->{buf} = '';
		}
	}
}

# Reads a frame's lines by the rules of the wire, not by those of a browser.
sub frame
{
	my ($self, $raw) = @_;
	my %ev = (raw => $raw, at => time);
	my @order;

	$self->found("a carriage return: $raw") if $raw =~ /\r/;
	$self->found("not UTF-8") if !utf8_ok($raw);
	$self->found("U+0085, U+2028 or U+2029 in the clear: $raw")
	    if $raw =~ /\xc2\x85|\xe2\x80[\xa8\xa9]/;
	for my $line (split /\n/, $raw) {
		if ($line =~ /\A:/) {
			push @{ $self->{comments} }, $line;
		} elsif ($line =~ /\A(id|event|data): (.*)\z/) {
			push @order, $1;
			$ev{$1} = $2;
		} else {
			$self->found("a strange line: $line");
		}
	}
	return if !@order;
	$self->check_frame(\%ev, "@order");
	push @{ $self->{events} }, \%ev;
	return \%ev;
}

sub check_frame
{
	my ($self, $ev, $order) = @_;
	my $name = $ev->{event} // '(none)';
	my $want = $name eq 'heartbeat' ? 'event data' : 'id event data';

	$self->found("$name: fields are '$order', not '$want'")
	    if $order ne $want;
	$ev->{text} = $ev->{data};
	$ev->{data} = eval { $json->decode($ev->{data} // '') };
	if (ref $ev->{data} ne 'HASH') {
		$self->found("$name: data is no JSON object: $ev->{raw}");
		$ev->{data} = {};
		return;
	}
	$self->check_id($ev) if defined $ev->{id};
	$self->check_time($ev);
	if (exists $ev->{data}{text}) {
		$self->found("$name has a top-level text")
		    if $name !~ /\A(?:text|thinking)_delta\z/;
	} elsif ($name =~ /\A(?:text|thinking)_delta\z/) {
		$self->found("$name without text");
	}
}

sub check_id
{
	my ($self, $ev) = @_;

	return $self->found("id '$ev->{id}' is no number")
	    if $ev->{id} !~ /\A[0-9]+\z/;
	$self->found("id $ev->{id} after $self->{last_id}")
	    if defined $self->{last_id} && $ev->{id} <= $self->{last_id};
	$self->{last_id} = $ev->{id};
}

sub check_time
{
	my ($self, $ev) = @_;
	my $t = $ev->{data}{timestamp} // '';

	return $self->found("$ev->{event}: timestamp '$t'") if $t !~
	    /\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/;
	$self->found("$ev->{event}: timestamp $t after $self->{last_time}")
	    if defined $self->{last_time} && $t le $self->{last_time};
	$self->{last_time} = $t;
}

sub utf8_ok
{
	my ($bytes) = @_;

	return defined eval {
		Encode::decode('UTF-8', $bytes, Encode::FB_CROAK |
		    Encode::LEAVE_SRC);
	};
}

# Events up to and with the first for which $what (a name or a sub) holds.
sub until
{
	my ($self, $what, $timeout) = @_;
	my $end = time + ($timeout // $September::HTTP::TIMEOUT);
	my @got;

	for (;;) {
		my $ev = $self->next($end - time);

		die "the stream ended before " . (ref $what ? 'it' : $what) .
		    "; so far: " . $self->summary . "\n" if !$ev;
		push @got, $ev;
		return @got if ref $what ? $what->($ev) :
		    $ev->{event} eq $what;
	}
}

# All that is left. timeout: of the whole.
sub all
{
	my ($self, $timeout) = @_;
	my $end = time + ($timeout // $September::HTTP::TIMEOUT);
	my @got;

	while (my $ev = $self->next($end - time)) {
		push @got, $ev;
	}
	return @got;
}

# Reads until that many bytes of the body have come, then hangs up.
sub cut_at
{
	my ($self, $bytes) = @_;

	while (($self->{bytes} // 0) < $bytes && $self->more) {
	}
	$self->close;
}

sub close
{
	my ($self) = @_;

	$self->{conn}->close if $self->{conn};
	$self->{ended} = $self->{hung_up} = 1;
}

# Without `heartbeat`s, for comparing a live stream with a replay.
sub frames
{
	my ($self) = @_;

	return map { $_->{raw} } grep { $_->{event} ne 'heartbeat' }
	    @{ $self->{events} };
}

# "started text_delta x3 completed"
sub summary
{
	my ($self) = @_;
	my @names;

	for my $ev (@{ $self->{events} }) {
		my $n = $ev->{event} // '?';

		$n = $ev->{data}{phase} // '?' if $n eq 'thread_lifecycle';
		if (@names && $names[-1][0] eq $n) {
			$names[-1][1]++;
		} else {
			push @names, [$n, 1];
		}
	}
	return join ' ', map { $_->[1] > 1 ? "$_->[0] x$_->[1]" : $_->[0] }
	    @names;
}

sub order_problems
{
	my ($self, %o) = @_;
	my @ev = grep { $_->{event} ne 'heartbeat' } @{ $self->{events} };
	my (@found, @ends);

	return () if !@ev;
	for my $i (0 .. $#ev) {
		my $phase = $ev[$i]{event} eq 'thread_lifecycle' ?
		    $ev[$i]{data}{phase} // '' : '';

		push @found, "started is event " . ($i + 1) if
		    $phase eq 'started' && $i > 0 && !$o{several};
		push @ends, [$i, $phase]
		    if $phase =~ /^(?:completed|errored)$/;
	}
	push @found, "the first event is $ev[0]{event}, not started" if
	    !$o{late} && ($ev[0]{data}{phase} // '') ne 'started';
	if (@ends && !$o{several}) {
		my ($i, $phase) = @{ $ends[0] };
		my $rest = join ' ', map { $_->{event} } @ev[$i + 1 .. $#ev];

		push @found, "behind $phase: '$rest'" if
		    $rest ne ($phase eq 'errored' ? 'error' : '');
	}
	return @found;
}

# Everything that broke the rules. late: the stream does not begin with the
# turn; several: it holds more than one turn; open: its end is not judged.
sub problems
{
	my ($self, %o) = @_;
	my @found = @{ $self->{found} };

	push @found, "status $self->{status}" if $self->{refused};
	push @found, $self->order_problems(%o);
	if ($self->{ended} && !$self->{refused} && !$self->{hung_up} &&
	    !$o{open}) {
		push @found, 'ended without completed or errored: ' .
		    $self->summary if !grep { ($_->{data}{phase} // '') =~
		    /^(?:completed|errored)$/ } @{ $self->{events} };
		push @found, 'the body was cut' if $self->{cut};
		push @found, "an unfinished frame at the end: $self->{rest}"
		    if defined $self->{rest};
	}
	return @found;
}

1;
