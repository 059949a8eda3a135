# SPDX-License-Identifier: Apache-2.0
#
# September::MockLLM - a model provider for tests: speaks the OpenAI,
# Anthropic and Gemini forms (streamed and whole), says what its script says,
# and fails in every way that providers do. A process of its own on a
# loopback port, one child a connection.
#
#   my $llm = September::MockLLM->start(@script);
#   $llm->base_url('openai');     # for LLM_BASE_URL
#   $llm->script(@script);        # replaces what is left
#   $llm->requests;               # {n, method, path, headers, body, conn}
#   $llm->wait_requests(2);       # waits until so many have come
#   $llm->closings;               # {n, sent}: clients that hung up early
#
# The script is a list of replies; each request takes the first that is not
# used up and whose `when` (a regular expression over the request's body)
# matches. A reply is a text, or a hash:
#
#   text => 'all' | ['in', 'pieces'], thinking => the same
#   tools => [{ name, input, id, split => bytes a piece }]
#   blocks => [{ type => 'text'|'thinking'|'tool', ... }]   in this order
#   usage => { input, output, cached }
#   stop => end_turn | max_tokens | tool_use | refusal (by default fitting)
#   delay => s between events, head_delay => s before the head
#   pieces => bytes a chunk (cuts characters too), drip => s between them
#   times => how often it can be taken (1), 0: always
#   status => 429, body => hash or bytes, headers => {}, retry_after =>
#       seconds or 'date' (+30 s) or any text
#   fault => hang_head, hang_mid, cut_mid, reset_mid, garbage, bad_json,
#       wrong_type, huge (size => bytes), error_mid, no_end, empty
#   after => events before the fault (half of them)
#
# When nothing matches the reply is the text "ok".
package September::MockLLM;

use strict;
use warnings;

use Digest::SHA ();
use Fcntl qw(:flock SEEK_SET);
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use POSIX qw(:sys_wait_h);
use September::MockLLM::Forms;
use Socket qw(IPPROTO_TCP TCP_NODELAY SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time sleep);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

# Options in front of the script: { key => 'the key that is accepted' }.
sub start
{
	my ($class, @script) = @_;
	my %o = @script && ref $script[0] eq 'HASH' &&
	    exists $script[0]{key} && !exists $script[0]{text} ?
	    %{ shift @script } : ();
	my $self = bless { %o, owner => $$ }, $class;
	my $l = IO::Socket::INET->new(Listen => 1024, LocalPort => 0,
	    LocalAddr => '127.0.0.1', Proto => 'tcp') or die "listen: $!\n";

	$self->{tmp} = File::Temp->newdir('mock-llm-XXXXXX', TMPDIR => 1);
	$self->{dir} = "$self->{tmp}";
	$self->{port} = $l->sockport;
	$self->script(@script);
	$self->{pid} = fork // die "fork: $!\n";
	if ($self->{pid} == 0) {
		eval { $self->serve($l); 1 } or print STDERR "mock: $@";
		POSIX::_exit(0);
	}
	return $self;
}

sub base_url
{
	my ($self, $form) = @_;

	return "http://127.0.0.1:$self->{port}" .
	    (($form // 'openai') eq 'openai' ? '/v1' : '');
}

sub stop
{
	my ($self) = @_;

	return if $$ != $self->{owner} || !$self->{pid};
	local $?;
	kill 'TERM', $self->{pid};
	waitpid $self->{pid}, 0;
	$self->{pid} = 0;
}

sub DESTROY { my ($self) = @_; $self->stop }

# ---- what both sides share: files under locks ----

sub locked
{
	my ($self, $name, $do) = @_;

	open my $fh, '+>>:raw', "$self->{dir}/$name" or die "$name: $!\n";
	flock $fh, LOCK_EX or die "$name: $!\n";
	seek $fh, 0, SEEK_SET;
	my $r = $do->($fh);

	close $fh;
	return $r;
}

sub all_of
{
	my ($fh) = @_;

	local $/;
	return scalar(<$fh>) // '';
}

sub script
{
	my ($self, @script) = @_;
	my @list = map { ref ? { %$_ } : { text => $_ } } @script;

	for my $r (@list) {
		$r->{when} = "$r->{when}" if defined $r->{when};
		$r->{times} //= 1;
		$r->{times} = 1e9 if $r->{times} == 0;
	}
	$self->locked('script', sub {
		my ($fh) = @_;

		truncate $fh, 0;
		print {$fh} $json->encode(\@list);
	});
}

# How many replies of the script have not been taken.
sub left
{
	my ($self) = @_;
	my $list = $self->locked('script', sub {
		return $json->decode(all_of($_[0]));
	});

	return scalar grep { $_->{times} > 0 && $_->{times} < 1e8 } @$list;
}

sub take_reply
{
	my ($self, $body) = @_;

	return $self->locked('script', sub {
		my ($fh) = @_;
		my $list = $json->decode(all_of($fh));

		for my $r (@$list) {
			next if $r->{times} <= 0 || (defined $r->{when} &&
			    $body !~ /$r->{when}/);
			$r->{times}--;
			truncate $fh, 0;
			print {$fh} $json->encode($list);
			return $r;
		}
		return { text => 'ok' };
	});
}

sub note
{
	my ($self, $file, $rec) = @_;

	return $self->locked($file, sub {
		my ($fh) = @_;
		my $n = () = all_of($fh) =~ /\n/g;

		$rec->{n} //= $n + 1;
		print {$fh} $json->encode($rec), "\n";
		return $rec->{n};
	});
}

sub records
{
	my ($self, $file) = @_;

	return map { $json->decode($_) } split /\n/, $self->locked($file,
	    sub { return all_of($_[0]) });
}

sub requests { my ($self) = @_; return $self->records('requests') }
sub closings { my ($self) = @_; return $self->records('closings') }

sub wait_for
{
	my ($self, $file, $n, $timeout) = @_;
	my $end = time + ($timeout // 10);
	my @r;

	while ((@r = $self->records($file)) < $n) {
		die scalar(@r) . " of $n $file came\n" if time > $end;
		sleep 0.005;
	}
	return @r;
}

sub wait_requests
{
	my ($self, $n, $timeout) = @_;

	return $self->wait_for('requests', $n, $timeout);
}

sub wait_closings
{
	my ($self, $n, $timeout) = @_;

	return $self->wait_for('closings', $n, $timeout);
}

# ---- the server process ----

sub serve
{
	my ($self, $l) = @_;
	my (%kids, $end);
	my $sel = IO::Select->new($l);
	my $conn = 0;

	$SIG{TERM} = sub { $end = 1 };
	$SIG{INT} = $SIG{ALRM} = 'DEFAULT';
	$SIG{PIPE} = 'IGNORE';
	while (!$end && getppid == $self->{owner}) {
		if ($sel->can_read(0.5) && (my $s = $l->accept)) {
			my $pid = fork;

			$conn++;
			if (defined $pid && $pid == 0) {
				$SIG{TERM} = 'DEFAULT';
				close $l;
				eval { $self->connection($s, $conn); 1 } or
				    print STDERR "mock: $@";
				POSIX::_exit(0);
			}
			$kids{$pid} = 1 if $pid;
			close $s;
		}
		while ((my $pid = waitpid -1, WNOHANG) > 0) {
			delete $kids{$pid};
		}
	}
	kill 'TERM', keys %kids;
}

sub connection
{
	my ($self, $s, $conn) = @_;

	setsockopt $s, IPPROTO_TCP, TCP_NODELAY, 1;
	binmode $s;
	$self->{sock} = $s;
	$self->{in} = '';
	while (my $req = $self->read_request) {
		$req->{conn} = $conn;
		$self->{n} = $self->note('requests', $req);
		$self->{sent} = 0;
		$self->answer($req) or last;
	}
	shutdown $s, 2 if defined fileno $s;
}

sub read_request
{
	my ($self) = @_;
	my %h;

	while ($self->{in} !~ /\r\n\r\n/) {
		sysread $self->{sock}, $self->{in}, 65536,
		    length $self->{in} or return;
	}
	$self->{in} =~ s/\A(.*?)\r\n\r\n//s;
	my ($first, @lines) = split /\r\n/, $1;
	my ($method, $path) = split / /, $first;

	for (@lines) {
		$h{ lc $1 } = $2 if /\A([^:]+):\s*(.*?)\s*\z/;
	}
	my $want = $h{'content-length'} // 0;

	while (length $self->{in} < $want) {
		sysread $self->{sock}, $self->{in}, 65536,
		    length $self->{in} or return;
	}
	my $raw = substr $self->{in}, 0, $want, '';
	my $body = eval { $json->decode($raw) };

	return { method => $method, path => $path, headers => \%h,
	    time => time, defined $body ? (body => $body) : (raw => $raw) };
}

# 0 when the client has gone, which is noted.
sub put
{
	my ($self, $bytes) = @_;
	my $at = 0;

	while ($at < length $bytes) {
		my $n = syswrite $self->{sock}, $bytes, length($bytes) - $at,
		    $at;

		return $self->gone if !defined $n;
		$at += $n;
		$self->{sent} += $n;
	}
	return 1;
}

sub gone
{
	my ($self) = @_;

	$self->note('closings', { n => $self->{n}, sent => $self->{sent} })
	    if !$self->{noted}++;
	return 0;
}

# Says nothing until the client hangs up.
sub hang
{
	my ($self) = @_;
	my $b;

	while (sysread $self->{sock}, $b, 4096) {
	}
	return $self->gone;
}

# Waits; 0 when the client hung up meanwhile.
sub pause
{
	my ($self, $s) = @_;
	my $sel = IO::Select->new($self->{sock});
	my $end = time + $s;

	while ((my $left = $end - time) > 0) {
		next if !$sel->can_read($left);
		my $n = sysread $self->{sock}, my $b, 4096;

		return $self->gone if !$n;
		$self->{in} .= $b;
	}
	return 1;
}

sub whole
{
	my ($self, $status, $type, $body, %h) = @_;
	my $bytes = ref $body ? $json->encode($body) : $body;

	return $self->put(join '', "HTTP/1.1 $status Mock\r\n",
	    "Content-Type: $type\r\n", (map { "$_: $h{$_}\r\n" }
	    sort keys %h), 'Content-Length: ' . length($bytes),
	    "\r\n\r\n", $bytes);
}

sub answer
{
	my ($self, $req) = @_;
	my $form = September::MockLLM::Forms->of($req->{method},
	    $req->{path}, $req->{body});

	return $self->whole(404, 'application/json',
	    { error => { message => 'no such path' } }) if !$form;
	return $self->whole(401, 'application/json',
	    $form->error(401, 'bad key')) if defined $self->{key} &&
	    ($form->key($req->{headers}) // '') ne $self->{key};
	return $self->whole(200, 'application/json', $form->embeddings)
	    if $form->{embed};
	my $r = $self->take_reply($json->encode($req->{body} // ''));
	my $fault = $r->{fault} // '';

	return 0 if $r->{head_delay} && !$self->pause($r->{head_delay});
	return $self->refusal($form, $r) if $r->{status};
	return $self->hang if $fault eq 'hang_head';
	return 0 if $fault eq 'empty';
	return $self->put("\x16\x03\x01\xff\x00 no http\r\n\r\n") * 0
	    if $fault eq 'garbage';
	return $self->whole(200, 'text/html', '<html>Sign in</html>')
	    if $fault eq 'wrong_type';
	return $self->whole(200, 'application/json', $form->whole($r))
	    if !$form->{stream};
	return $self->stream($form, $r);
}

sub refusal
{
	my ($self, $form, $r) = @_;
	my %h = %{ $r->{headers} // {} };

	if (defined $r->{retry_after}) {
		$h{'Retry-After'} = $r->{retry_after} eq 'date' ?
		    http_date(time + 30) : $r->{retry_after};
	}
	return $self->whole($r->{status}, 'application/json',
	    $r->{body} // $form->error($r->{status}, 'said the script'), %h);
}

sub http_date
{
	my @t = gmtime $_[0];
	my @d = qw(Sun Mon Tue Wed Thu Fri Sat);
	my @m = qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec);

	return sprintf '%s, %02d %s %d %02d:%02d:%02d GMT', $d[$t[6]],
	    $t[3], $m[$t[4]], $t[5] + 1900, @t[2, 1, 0];
}

sub chunk
{
	my ($self, $bytes) = @_;

	return $bytes eq '' ||
	    $self->put(sprintf "%x\r\n%s\r\n", length $bytes, $bytes);
}

# An event, whole or in pieces that care for no character.
sub event
{
	my ($self, $r, $bytes) = @_;
	my $step = $r->{pieces} || ($r->{drip} ? 1 : 0);

	return $self->chunk($bytes) if !$step;
	while ($bytes ne '') {
		$self->chunk(substr $bytes, 0, $step, '') or return 0;
		$self->pause($r->{drip}) or return 0 if $r->{drip};
	}
	return 1;
}

sub stream
{
	my ($self, $form, $r) = @_;
	my @events = $form->events($r);
	my $fault = $r->{fault} // '';
	my $after = $r->{after} // int(@events / 2);

	pop @events if $fault eq 'no_end';
	$self->put("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; " .
	    "charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n") or
	    return 0;
	for my $i (0 .. $#events) {
		return $self->failure($form, $r, $events[$i])
		    if $fault =~ /\A(?:.*_mid|bad_json|huge)\z/ &&
		    $i == $after;
		return 0 if $i && $r->{delay} && !$self->pause($r->{delay});
		$self->event($r, $events[$i]) or return 0;
	}
	return $self->put("0\r\n\r\n");
}

# The stream goes wrong in place of the event.
sub failure
{
	my ($self, $form, $r, $event) = @_;
	my $fault = $r->{fault};
	my $half = substr $event, 0, int(length($event) / 2);

	if ($fault eq 'hang_mid') {
		$self->chunk($half) or return 0;
		return $self->hang;
	}
	if ($fault eq 'cut_mid' || $fault eq 'reset_mid') {
		$self->put(sprintf "%x\r\n%s", length $event, $half);
		setsockopt $self->{sock}, SOL_SOCKET, SO_LINGER,
		    pack 'ii', 1, 0 if $fault eq 'reset_mid';
		close $self->{sock} if $fault eq 'reset_mid';
		return 0;
	}
	if ($fault eq 'bad_json') {
		$self->chunk("data: {\"choices\": [{\"delta\"\n\n");
		return $self->put("0\r\n\r\n");
	}
	if ($fault eq 'error_mid') {
		$self->chunk($form->error_event) or return 0;
		return $self->put("0\r\n\r\n");
	}
	my $left = $r->{size} // 64 << 20;

	$self->chunk('data: {"x":"') or return 0;
	while ($left > 0) {
		$self->chunk('x' x 65536) or return 0;
		$left -= 65536;
	}
	return $self->chunk("\"}\n\n") && $self->put("0\r\n\r\n");
}

1;
