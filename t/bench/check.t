#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Tests of the instruments: a load client that counts a damaged turn as a good
# one would make every figure worthless.  A small server plays one prepared
# reply a connection; the client must accept the good ones and name what is
# wrong with the others.  The mock provider, the bare relay and nginx are then
# tried in a row.  Run by `make -C t/bench check`.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

use lib dirname(abs_path(__FILE__));
use BenchServers;

alarm 120;
my $here = dirname(abs_path(__FILE__));
my $srv = BenchServers->new(bin => $ENV{BENCH_BIN} // "$here/build",
    source => abs_path("$here/../.."), engine => 'none');

# ---- prepared replies ----

# Stamps a microsecond apart, `back` ns before now; negative: in the future.
sub stamps
{
	my ($n, $back) = @_;
	my $now = int(clock_gettime(CLOCK_MONOTONIC) * 1e9);

	return map { sprintf 't%d ', $now - ($back // 1e6) + $_ * 1000 }
	    1 .. $n;
}

sub event
{
	my ($id, $name, $json) = @_;

	return "id: $id\nevent: $name\ndata: $json\n\n";
}

sub deltas
{
	my $id = 1;

	return join '', map { event(++$id, 'text_delta',
	    qq({"text":"$_","timestamp":"x"})) } @_;
}

my $started = event(1, 'thread_lifecycle', '{"phase":"started"}');
my $completed = event(99, 'thread_lifecycle',
    '{"phase": "completed","message_id":"msg-1"}');
my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";

# As chunks of the given size; 0 makes one chunk of it.
sub chunked
{
	my ($body, $size) = @_;
	my @parts = $size ? unpack("(a$size)*", $body) : $body;

	return "${head}Transfer-Encoding: chunked\r\n\r\n" .
	    join('', map { sprintf "%x\r\n%s\r\n", length, $_ } @parts) .
	    "0\r\n\r\n";
}

sub play
{
	my ($reply) = @_;
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
	    Listen => 5) or die "listen: $@";
	my $pid = fork // die "fork: $!";

	if ($pid == 0) {
		alarm 30;
		while (my $c = $listener->accept) {
			sysread $c, my $request, 65536 or next;
			syswrite $c, $reply;
			close $c;
		}
		POSIX::_exit(0);
	}
	my $port = $listener->sockport;
	close $listener;
	return ($port, $pid);
}

# What load-client says of one turn of three tokens.
sub verdict
{
	my ($reply) = @_;
	my ($port, $pid) = play($reply);
	my $r = eval { $srv->tool(undef, 'load-client', '--port', $port,
	    '--turns', 1, '--tokens', 3, '--timeout-ms', 3000) };
	my $error = $@;

	kill 'KILL', $pid;
	waitpid $pid, 0;
	return defined $r ? "valid, $r->{token_us}{n} tokens" : $error;
}

is(verdict(chunked($started . deltas(stamps(3)) . $completed, 0)),
    'valid, 3 tokens', 'a good turn is valid');
is(verdict(chunked($started . deltas(join('', stamps(3))) . $completed, 0)),
    'valid, 3 tokens', 'deltas that were joined count as their tokens');
is(verdict(chunked($started . deltas(join('', stamps(3)) =~
    /\A(.{5})(.{20})(.*)\z/s) . $completed, 0)), 'valid, 3 tokens',
    'tokens cut in the middle are put together');
for my $size (1, 3, 7, 64) {
	is(verdict(chunked($started . deltas(stamps(3)) . $completed,
	    $size)), 'valid, 3 tokens', "chunks of $size bytes");
}
is(verdict("${head}Connection: close\r\n\r\n" . $started .
    deltas(stamps(3)) . $completed), 'valid, 3 tokens',
    'a reply that ends with the connection');
is(verdict(chunked($started . deltas(stamps(3)) .
    "event: heartbeat\ndata: {\"timestamp\":\"x\"}\n\n: note\n\n" .
    $completed, 0)), 'valid, 3 tokens',
    'heartbeats and comments do not matter');

my @s = stamps(3);
like(verdict(chunked($started . deltas(@s[0, 1]) . $completed, 0)),
    qr/2 of 3 tokens/, 'a lost token');
like(verdict(chunked($started . deltas(@s, stamps(1, 0)) . $completed, 0)),
    qr/4 of 3 tokens/, 'a token too many');
like(verdict(chunked($started . deltas(@s[0, 1, 1]) . $completed, 0)),
    qr/damaged/, 'a token sent twice');
like(verdict(chunked($started . deltas(@s[0, 2, 1]) . $completed, 0)),
    qr/damaged/, 'tokens out of order');
like(verdict(chunked($started . deltas($s[0], 'hello ', @s[1, 2]) .
    $completed, 0)), qr/damaged/, 'text that the provider never sent');
like(verdict(chunked($started . deltas(stamps(3, -1e12)) . $completed, 0)),
    qr/damaged/, 'a stamp of the future');
like(verdict(chunked($started . deltas(@s), 0)),
    qr/did not end as completed/, 'no completed event');
like(verdict(chunked($started . deltas(@s) . event(9, 'thread_lifecycle',
    '{"phase":"errored"}') . event(10, 'error', '{"error":"INTERNAL"}'), 0)),
    qr/error event.*INTERNAL/, 'a turn that failed');
like(verdict("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n" .
    '{}'), qr/refused: \{\}/, 'a refused request');
like(verdict(substr(chunked($started . deltas(@s) . $completed, 0), 0, -60)),
    qr/connection broke/, 'a connection that broke');
like(verdict("SSH-2.0-x\r\n\r\n"), qr/not an HTTP reply/,
    'something that is not HTTP');

# ---- the servers ----

my $mock = $srv->mock;
my $relay = $srv->relay;

sub load
{
	my ($s, @args) = @_;
	my $r = eval { $srv->client('load-client', '--port', $s->{port},
	    '--pid', $s->{pid}, '--turns', 40, '--streams', 8, @args) };

	diag($@) if !$r;
	return $r // {};
}

for my $n (0, 1, 64, 500) {
	my $r = load($mock, '--api', 'openai', '--tokens', $n);
	is($r->{token_us}{n}, 40 * $n, "mock provider: 40 turns of $n tokens");
	$r = load($relay, '--tokens', $n);
	is($r->{token_us}{n}, 40 * $n, "bare relay: the same");
}
my $r = load($relay, '--tokens', 20, '--delay-us', 5000);
cmp_ok($r->{turn_us}{p50}, '>=', 19 * 5000, 'the delay is kept');
is($r->{events}, 40 * 21, 'tokens apart are events of their own');
cmp_ok($r->{cpu_us_per_turn}, '>', 0, 'CPU of the server is seen');
cmp_ok($r->{rss_kib_end}, '>', 1000, 'memory of the server is seen');
cmp_ok($r->{token_us}{p50}, '<=', $r->{token_us}{p99}, 'p50 <= p99');
cmp_ok($r->{token_us}{p99}, '<=', $r->{token_us}{max} * 1.01,
    'p99 <= maximum');

SKIP: {
	skip 'nginx is not installed', 1
	    if !eval { BenchServers::nginx_path() };
	my $nginx = $srv->nginx;
	is(load($nginx, '--api', 'openai')->{token_us}{n}, 40 * 64,
	    'nginx: 40 turns of 64 tokens');
	$srv->stop($nginx);
}

$r = eval { $srv->client('replay-client', '--port', $relay->{port}, '--path',
    '/events?n=1000', '--at-least', 1000, '--seconds', 1) } // {};
is($r->{events_a_reply}, 1000, 'replay client counts 1,000 events');
eval { $srv->client('replay-client', '--port', $relay->{port}, '--path',
    '/events?n=999', '--at-least', 1000, '--seconds', 1) };
like($@, qr/999 events, expected 1000/, 'and misses one that is not there');
$r = eval { $srv->client('http-load', '--port', $relay->{port}, '--pid',
    $relay->{pid}, '--seconds', 1) } // {};
cmp_ok($r->{cpu_us_per_request} // 0, '>', 0, 'http-load measures /health');
eval { $srv->client('http-load', '--port', $mock->{port}, '--seconds', 1) };
like($@, qr/status 404/, 'http-load does not count refused requests');
$r = eval { $srv->client('idle-streams', '--port', $relay->{port}, '--pid',
    $relay->{pid}, '--count', 50, '--warmup', 5) } // {};
is($r->{streams}, 50, 'idle-streams opens 50');
my (undef, $stats) = BenchServers::get($mock->{port}, '/stats');
like($stats, qr/"held":\d+/, 'the mock provider tells its streams');

my $db = $srv->dir('db') . '/x.db';
$r = eval { $srv->client('bare-sqlite', '--db', $db, '--seconds', 1) } // {};
cmp_ok($r->{rows} // 0, '>', 0, 'bare-sqlite inserts rows');
is(eval { $srv->client('bare-sqlite', '--db', $db, '--count-rows',
    'events')->{rows} }, $r->{rows}, 'and they are there');

ok($srv->stop($relay), 'the relay stops when told');
ok($srv->stop($mock), 'the mock provider stops when told');
done_testing;
