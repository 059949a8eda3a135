# SPDX-License-Identifier: Apache-2.0
#
# September::HTTP - an HTTP/1.1 client on a raw socket for black-box tests. It
# is strict where a browser is lenient: a reply that is not framed as it says
# is an error. One connection a request unless a connection is handed in.
#
#   my $c = September::HTTP->new(port => $port, headers => { ... });
#   my $r = $c->request(POST => '/x', json => { a => 1 });
#   # $r->{status}, {reason}, {headers}{name}, {body}, {json}
#   my $s = $c->stream(POST => '/execute', json => { ... });  # September::SSE
#
# Every wait has a limit (`timeout`, 10 s); passing it is a die.
package September::HTTP;

use strict;
use warnings;

use JSON::PP ();
use September::SSE;

our $TIMEOUT = 10;
# Sanitizers cost a factor; tests that measure time ask for it themselves.
$TIMEOUT *= $ENV{SEPT_TIME_FACTOR} if $ENV{SEPT_TIME_FACTOR};

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

sub new
{
	my ($class, %o) = @_;

	return bless { host => '127.0.0.1', headers => {}, %o }, $class;
}

# The bytes of a request. Headers given as undef are left out.
sub bytes_of
{
	my ($self, $method, $path, %o) = @_;
	my %h = (Host => "$self->{host}:$self->{port}", %{ $self->{headers} },
	    %{ $o{headers} // {} });
	my $body = $o{body};

	if (exists $o{json}) {
		$body = $json->encode($o{json});
		$h{'Content-Type'} //= 'application/json';
	}
	$h{'Content-Length'} //= length $body if defined $body;
	$h{Connection} //= 'close' if !$o{conn} && !$o{keep};
	return join('', "$method $path HTTP/1.1\r\n",
	    (map { defined $h{$_} ? "$_: $h{$_}\r\n" : () } sort keys %h),
	    "\r\n", $body // '');
}

sub connect
{
	my ($self, %o) = @_;

	return September::Conn->new(host => $self->{host},
	    port => $self->{port}, timeout => $o{timeout} // $TIMEOUT,
	    rcvbuf => $o{rcvbuf});
}

# Sends and reads the head. Interim replies (1xx) are skipped.
sub start
{
	my ($self, $method, $path, %o) = @_;
	my $conn = $o{conn} // $self->connect(%o);

	$conn->{timeout} = $o{timeout} // $TIMEOUT;
	$conn->put($self->bytes_of($method, $path, %o));
	return ($conn, $conn->head($method));
}

sub request
{
	my ($self, $method, $path, %o) = @_;
	my ($conn, $r) = $self->start($method, $path, %o);

	$r->{body} = '';
	while (defined(my $piece = $conn->body_piece)) {
		$r->{body} .= $piece;
	}
	die "$method $path: the body was cut\n" if $conn->{cut};
	if (($r->{headers}{'content-type'} // '') =~ m{^application/json\b}) {
		$r->{json} = eval { $json->decode($r->{body}) };
		die "$method $path: not JSON: $r->{body}\n"
		    if !defined $r->{json};
	}
	return $r;
}

# A stream, whatever the status: a refusal has {status} and {json}.
sub stream
{
	my ($self, $method, $path, %o) = @_;
	my ($conn, $r) = $self->start($method, $path, %o);
	my $type = $r->{headers}{'content-type'} // '';

	if ($r->{status} != 200 || $type !~ m{^text/event-stream\b}) {
		$r->{body} = '';
		while (defined(my $piece = $conn->body_piece)) {
			$r->{body} .= $piece;
		}
		$r->{json} = eval { $json->decode($r->{body}) };
		return September::SSE->refused($r);
	}
	return September::SSE->new($conn, $r);
}

# Sends bytes as they are; everything that comes until the other side closes
# or falls silent for `quiet` seconds.
sub raw
{
	my ($self, $bytes, %o) = @_;
	my $conn = $o{conn} // $self->connect(%o);
	my $got = '';

	$conn->put($bytes);
	$conn->{timeout} = $o{quiet} // 1;
	while (defined(my $piece = eval { $conn->some })) {
		$got .= $piece;
	}
	return $got;
}

package September::Conn;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(time);

my $HEADER = qr/\A([!#-'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*\z/;

sub new
{
	my ($class, %o) = @_;
	my $s = IO::Socket::INET->new(Proto => 'tcp');

	die "socket: $!\n" if !$s;
	# A small window must be asked for before the connection is made.
	setsockopt $s, SOL_SOCKET, SO_RCVBUF, $o{rcvbuf} if $o{rcvbuf};
	connect($s, Socket::pack_sockaddr_in($o{port},
	    Socket::inet_aton($o{host}))) or
	    die "connect to $o{host}:$o{port}: $!\n";
	setsockopt $s, IPPROTO_TCP, TCP_NODELAY, 1;
	binmode $s;
	return bless { sock => $s, buf => '', timeout => $o{timeout} }, $class;
}

sub put
{
	my ($self, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	my $at = 0;

	while ($at < length $bytes) {
		my $n = syswrite $self->{sock}, $bytes, length($bytes) - $at,
		    $at;

		# A peer that has closed may still have answered before.
		return 0 if !defined $n;
		$at += $n;
	}
	return 1;
}

# Waits for more; 0 at the end of the connection. Dies when time is up.
sub fill
{
	my ($self, $timeout) = @_;
	my $sel = IO::Select->new($self->{sock});

	$timeout //= $self->{timeout};
	die "nothing came within $timeout s\n" if !$sel->can_read($timeout);
	my $n = sysread $self->{sock}, $self->{buf}, 65536,
	    length $self->{buf};
	if (!$n) {
		$self->{eof} = 1;
		return 0;
	}
	$self->{read} += $n;
	return 1;
}

# What there is, or undef at the end.
sub some
{
	my ($self, $timeout) = @_;

	if ($self->{buf} eq '') {
		return if $self->{eof} || !$self->fill($timeout);
	}
	my $got = $self->{buf};

	$self->{buf} = '';
	return $got;
}

# A line without its CRLF; a bare LF is an error. undef: the end.
sub line
{
	my ($self, $timeout) = @_;

	while ($self->{buf} !~ /\n/) {
		return if $self->{eof} || !$self->fill($timeout);
	}
	$self->{buf} =~ s/\A([^\n]*)\n//;
	my $line = $1;

	die "a line of the head without CR: $line\n" if $line !~ s/\r\z//;
	return $line;
}

sub head
{
	my ($self, $method) = @_;
	my ($r, $line);

	do {
		$line = $self->line;
		die "closed before the reply\n" if !defined $line;
		$line =~ m{\AHTTP/1\.[01] (\d\d\d)(?: (.*))?\z} or
		    die "not a status line: $line\n";
		$r = { status => $1, reason => $2, headers => {},
		    all => [], conn => $self };
		while (defined($line = $self->line) && $line ne '') {
			my ($k, $v) = $line =~ $HEADER or
			    die "not a header: $line\n";

			push @{ $r->{all} }, [$k, $v];
			$r->{headers}{ lc $k } = $v;
		}
		die "closed within the head\n" if !defined $line;
	} while ($r->{status} < 200);
	$self->frame($r, $method);
	return $r;
}

# How the body ends.
sub frame
{
	my ($self, $r, $method) = @_;
	my $h = $r->{headers};

	$self->{left} = undef;
	$self->{chunked} = $self->{done} = $self->{cut} = 0;
	if ($method eq 'HEAD' || $r->{status} == 204 || $r->{status} == 304) {
		$self->{done} = 1;
	} elsif (defined $h->{'transfer-encoding'}) {
		die "Content-Length and Transfer-Encoding\n"
		    if defined $h->{'content-length'};
		die "Transfer-Encoding: $h->{'transfer-encoding'}\n"
		    if $h->{'transfer-encoding'} ne 'chunked';
		$self->{chunked} = 1;
	} elsif (defined $h->{'content-length'}) {
		$self->{left} = $h->{'content-length'};
		$self->{done} = 1 if $self->{left} == 0;
	}
}

# The next piece of the body; undef at its end, {cut} when that was no end.
sub body_piece
{
	my ($self, $timeout) = @_;

	return if $self->{done};
	return $self->chunk_piece($timeout) if $self->{chunked};
	my $got = $self->some($timeout);

	if (!defined $got) {
		$self->{done} = 1;
		$self->{cut} = 1 if defined $self->{left};
		return;
	}
	if (defined $self->{left}) {
		if (length $got > $self->{left}) {
			$self->{buf} = substr $got, $self->{left};
			$got = substr $got, 0, $self->{left};
		}
		$self->{left} -= length $got;
		$self->{done} = 1 if $self->{left} == 0;
	}
	return $got;
}

sub chunk_piece
{
	my ($self, $timeout) = @_;

	if (!$self->{left}) {
		my $line = $self->line($timeout);

		if (!defined $line) {
			$self->{done} = $self->{cut} = 1;
			return;
		}
		$line =~ /\A([0-9a-fA-F]{1,8})\z/ or
		    die "not a chunk size: $line\n";
		$self->{left} = hex $1;
		if ($self->{left} == 0) {
			$line = $self->line($timeout);
			$self->{done} = 1;
			$self->{cut} = 1 if !defined $line;
			die "a trailer: $line\n" if ($line // '') ne '';
			return;
		}
	}
	my $got = $self->some($timeout);

	if (!defined $got) {
		$self->{done} = $self->{cut} = 1;
		return;
	}
	if (length $got >= $self->{left}) {
		$self->{buf} = substr $got, $self->{left};
		$got = substr $got, 0, $self->{left};
		$self->{left} = 0;
		my $end = $self->line($timeout);

		die "no CRLF behind a chunk\n" if defined $end && $end ne '';
		$self->{done} = $self->{cut} = 1 if !defined $end;
	} else {
		$self->{left} -= length $got;
	}
	return $got;
}

sub close
{
	my ($self) = @_;

	CORE::close($self->{sock}) if $self->{sock};
	$self->{sock} = undef;
	$self->{eof} = $self->{done} = 1;
}

1;
