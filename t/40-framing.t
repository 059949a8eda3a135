#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Requests that servers read in different ways, over the real engine and with
# the right key: whatever the answer, no byte of one request is ever run as
# another. The request that must not run deletes a task.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use September;
use Test::More;
use Time::HiRes qw(time);

my $factor = $ENV{SEPT_TIME_FACTOR} // 1;
alarm int(240 * $factor);
my $llm = September::MockLLM->start;
my $e = September->start(catalog => 'none', llm => $llm);
my $http = $e->{http};
my $base = "Host: 127.0.0.1:$e->{port}\r\nX-Engine-Key: test-key\r\n";
my $evil = "DELETE /tasks/victim HTTP/1.1\r\n$base\r\n";
my $len = length $evil;

$llm->script({ text => 'ok', times => 0 });
turn_ok($e->turn('victim', 'x'), 'the task that must stay');

sub post
{
	my ($headers, $body) = @_;

	return "POST /feedback HTTP/1.1\r\n$base$headers\r\n" . ($body // '');
}

sub get { return "GET /tasks HTTP/1.1\r\n$base$_[0]\r\n" . ($_[1] // '') }

# Sends; the statuses of what comes back, how long it took until the first
# and whether the connection was closed.
sub said
{
	my ($bytes, $quiet) = @_;
	my $conn = $http->connect;
	my $began = time;
	my ($got, $first) = ('', undef);

	$conn->put($bytes);
	for (;;) {
		my $piece = eval { $conn->some($quiet // 0.5 * $factor) };

		last if !defined $piece;
		$first //= time - $began;
		$got .= $piece;
	}
	my %r = (closed => $conn->{eof} // 0, first => $first, got => $got,
	    status => [$got =~ m{(?:\A|\n|\})HTTP/1\.[01] (\d{3}) }g]);

	$conn->close;
	return \%r;
}

my $chunk = sprintf "%x\r\n%s\r\n0\r\n\r\n", $len, $evil;
my $inside = "0\r\n\r\n$evil";
my @refused = (
    ['two lengths, 0 and N', post("Content-Length: 0\r\n" .
	"Content-Length: $len\r\n", $evil)],
    ['two lengths, N and 0', post("Content-Length: $len\r\n" .
	"Content-Length: 0\r\n", $evil)],
    ['the same length twice', post("Content-Length: $len\r\n" .
	"Content-Length: $len\r\n", $evil)],
    ['a list of lengths', post("Content-Length: $len, $len\r\n", $evil)],
    ['length and coding', post("Content-Length: $len\r\n" .
	"Transfer-Encoding: chunked\r\n", $inside)],
    ['coding and length', post("Transfer-Encoding: chunked\r\n" .
	"Content-Length: " . length($inside) . "\r\n", $inside)],
    ['identity', post("Transfer-Encoding: identity\r\n", $evil)],
    ['an unknown coding', post("Transfer-Encoding: cow\r\n", $evil)],
    ['gzip, chunked', post("Transfer-Encoding: gzip, chunked\r\n", $inside)],
    ['chunked, identity', post("Transfer-Encoding: chunked, identity\r\n",
	$inside)],
    ['chunked twice', post("Transfer-Encoding: chunked\r\n" .
	"Transfer-Encoding: chunked\r\n", $inside)],
    ['two codings', post("Transfer-Encoding: chunked\r\n" .
	"Transfer-Encoding: identity\r\n", $inside)],
    ['xchunked', post("Transfer-Encoding: xchunked\r\n", $inside)],
    ['a tab before chunked, VT', post("Transfer-Encoding:\x0bchunked\r\n",
	$inside)],
    ['quoted chunked', post("Transfer-Encoding: \"chunked\"\r\n", $inside)],
    ['HEAD with a body', "HEAD /tasks HTTP/1.1\r\n$base" .
	"Content-Length: $len\r\n\r\n$evil"],
    ['a blank before the colon', post("Content-Length : $len\r\n", $evil)],
    ['a tab before the colon', post("Content-Length\t: $len\r\n", $evil)],
    ['a blank before the colon of the coding',
	post("Transfer-Encoding : chunked\r\n", $inside)],
    ['a length with a plus', post("Content-Length: +$len\r\n", $evil)],
    ['a negative length', post("Content-Length: -1\r\n", $evil)],
    ['a hexadecimal length', post("Content-Length: 0x5\r\n", $evil)],
    ['a length of nothing', post("Content-Length:\r\n", $evil)],
    ['a length of 20 nines', post('Content-Length: ' . '9' x 20 . "\r\n",
	$evil)],
    ['a length of 2^64', post("Content-Length: 18446744073709551616\r\n",
	$evil)],
    ['a length with a blank in it', post("Content-Length: 1 0\r\n", $evil)],
    ['a length with a point', post("Content-Length: 5.0\r\n", $evil)],
    ['a chunk size 0x5', post("Transfer-Encoding: chunked\r\n",
	"0x0\r\n\r\n$evil")],
    ['a chunk size +0', post("Transfer-Encoding: chunked\r\n",
	"+0\r\n\r\n$evil")],
    ['a chunk size -1', post("Transfer-Encoding: chunked\r\n",
	"-1\r\n\r\n$evil")],
    ['a blank before a chunk size', post("Transfer-Encoding: chunked\r\n",
	" 0\r\n\r\n$evil")],
    ['a chunk extension', post("Transfer-Encoding: chunked\r\n",
	"0;x=y\r\n\r\n$evil")],
    ['chunk lines with LF', post("Transfer-Encoding: chunked\r\n",
	"0\n\n$evil")],
    ['a chunk size of 17 digits', post("Transfer-Encoding: chunked\r\n",
	'0' x 16 . "1\r\nx\r\n0\r\n\r\n$evil")],
    ['a chunk longer than it says', post("Transfer-Encoding: chunked\r\n",
	"1\r\nxx\r\n0\r\n\r\n$evil")],
    ['an empty chunk size', post("Transfer-Encoding: chunked\r\n",
	"\r\n$evil")],
    ['a trailer', post("Transfer-Encoding: chunked\r\n",
	"0\r\nX-Engine-Key: x\r\n\r\n$evil")],
    ['a NUL in a value', get("X-A: a\0b\r\n") . $evil],
    ['a NUL in a name', get("X-\0A: b\r\n") . $evil],
    ['a folded header', get("X-A: a\r\n Content-Length: 5\r\n") . $evil],
    ['a folded first header', "GET /tasks HTTP/1.1\r\n X: y\r\n$base\r\n"],
    ['lines of LF alone', get('') =~ s/\r//gr . $evil],
    ['a CR in a value', get("X-A: a\rContent-Length: 5\r\n") . $evil],
    ['an empty header name', get(": a\r\n") . $evil],
    ['a name with a blank', get("X A: a\r\n") . $evil],
    ['a line without a colon', get("XA\r\n") . $evil],
    ['two Host', get("Host: other\r\n") . $evil],
    ['no Host', "GET /tasks HTTP/1.1\r\nX-Engine-Key: test-key\r\n\r\n"],
    ['a blank in the target', "GET /tasks x HTTP/1.1\r\n$base\r\n$evil"],
    ['two blanks', "GET  /tasks HTTP/1.1\r\n$base\r\n$evil"],
    ['byte 0x80 in the target', "GET /tasks/\x80 HTTP/1.1\r\n$base\r\n"],
    ['a tab in the request line', "GET\t/tasks\tHTTP/1.1\r\n$base\r\n"],
    ['HTTP/1.9', "GET /tasks HTTP/1.9\r\n$base\r\n$evil"],
    ['HTTP/2.0', "GET /tasks HTTP/2.0\r\n$base\r\n$evil"],
    ['HTTP/0.9', "GET /tasks\r\n$evil"],
    ['the preface of HTTP/2', "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ['a GET with a body', get("Content-Length: $len\r\n", $evil)],
    ['a GET with chunks', get("Transfer-Encoding: chunked\r\n", $inside)],
    ['a long target', 'GET /' . 'a' x 20_000 . " HTTP/1.1\r\n$base\r\n"],
    ['101 headers', get(join '', map { "X-$_: y\r\n" } 1 .. 101)],
    ['a long header', get('X-A: ' . 'a' x 20_000 . "\r\n")],
    ['a TLS hello', "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" .
	"\r\n\r\n"],
    ['an unknown method', "DELETEX /tasks/victim HTTP/1.1\r\n$base\r\n"],
    ['CONNECT', "CONNECT 127.0.0.1:80 HTTP/1.1\r\n$base\r\n$evil"]);
my (@slow, @open, @wrong, @run);

sub victim_lives
{
	my ($name) = @_;

	return 1 if $e->get('/tasks/victim')->{status} == 200;
	push @run, $name;
	$e->turn('victim', 'x');
	return 0;
}

for my $pipelined (0, 1) {
	for my $c (@refused) {
		my $name = $c->[0] . ($pipelined ? ', pipelined' : '');
		my $r = said(($pipelined ? get('') : '') . $c->[1]);
		my @st = @{ $r->{status} };

		shift @st if $pipelined && @st && $st[0] == 200;
		push @wrong, "$name: @st" if @st != 1 ||
		    $st[0] !~ /^(?:400|405|413|414|417|431|501|505)$/;
		push @open, $name if !$r->{closed} && $st[0] ne '405' &&
		    $st[0] ne '501';
		push @slow, "$name: $r->{first}" if defined $r->{first} &&
		    $r->{first} > 0.1 * $factor;
		victim_lives($name);
	}
}
is("@run", '', 'nothing is run as a request that was none');
is(join(' | ', @wrong), '', 'all are refused, once');
is(join(' | ', @open), '', 'and the connection is closed');
is(join(' | ', @slow), '', 'at once');

# What is right stays right, also behind one another.
my $json = '{"x":1}';
for my $c (
    ['one POST', post("Content-Length: 7\r\n", $json), '400'],
    ['chunks', post("Transfer-Encoding: chunked\r\n",
	"3\r\n{\"x\r\n4\r\n\":1}\r\n0\r\n\r\n"), '400'],
    ['Chunked in capitals', post("Transfer-Encoding: CHUNKED\r\n",
	"7\r\n$json\r\n0\r\n\r\n"), '400'],
    ['a length with blanks around', post("Content-Length:  7 \r\n", $json),
	'400'],
    ['three in one piece', get('') . post("Content-Length: 7\r\n", $json) .
	get(''), '200 400 200'],
    ['a body that looks like a request', post("Content-Length: $len\r\n",
	$evil) . get(''), '400 200'],
    ['chunks that look like one', post("Transfer-Encoding: chunked\r\n",
	$chunk) . get(''), '400 200'],
    ['100 requests in one piece', get('') x 100, join ' ', (200) x 100],
    ['90 headers', get(join '', map { "X-$_: y\r\n" } 1 .. 90), '200']) {
	my $r = said($c->[1]);

	is("@{ $r->{status} }", $c->[2], $c->[0]) or diag($r->{got});
	ok(victim_lives($c->[0]), "$c->[0]: and nothing else ran");
}
# Byte by byte
{
	my $conn = $http->connect;

	for my $b (split //, post("Content-Length: $len\r\n", $evil)) {
		$conn->put($b);
	}
	$conn->{timeout} = 5 * $factor;
	is($conn->head('POST')->{status}, 400, 'one byte at a time');
	ok(victim_lives('bytes'), 'and nothing else ran');
}

# Paths: an id is what the client wrote, decoded once.
for my $c (['/tasks/%76ictim', 200, 'an escape that was not needed'],
    ['/tasks/victim%00', undef, 'NUL behind'],
    ['/tasks/victim%00x', undef, 'NUL within'],
    ['/tasks/x/../victim', 404, 'dots'],
    ['/tasks/x/%2e%2e/victim', 404, 'encoded dots'],
    ['/skills/../tasks/victim', 404, 'dots over another route'],
    ['/skills/..%2ftasks%2fvictim', 404, 'encoded slashes'],
    ['/tasks%2fvictim', 404, 'an encoded slash between'],
    ['/tasks/x%2f..%2fvictim', 404, 'encoded dots and slashes'],
    ['/tasks/%2576ictim', 404, 'encoded twice'],
    ['/tasks/victim%', undef, 'an escape cut off'],
    ['/tasks/victim%zz', undef, 'an escape of nothing'],
    ['/tasks/%ff%fe', undef, 'not UTF-8'],
    ['/tasks/%c0%af', undef, 'an overlong slash'],
    ['//tasks/victim', 404, 'two slashes'],
    ['/tasks//victim', 404, 'two slashes within'],
    ['/TASKS/victim', 404, 'capitals'],
    ['/tasks/victim/', 404, 'a slash at the end'],
    ['/tasks/victim;x=y', 404, 'a parameter'],
    ['/tasks/victim%3Fx', 404, 'an encoded question mark'],
    ['/tasks/victim%0d%0aX-A:%20b', undef, 'CR LF'],
    ['/tasks/' . 'a' x 300, undef, 'longer than an id can be'],
    ['/tasks/' . '%41' x 2000, undef, 'a long one in escapes'],
    ['/skills/..%2f..%2f..%2fetc%2fpasswd', 404, 'a file'],
    ['/./tasks/victim', 404, 'a dot']) {
	my ($path, $want, $name) = @$c;
	my $r = said("GET $path HTTP/1.1\r\n$base" .
	    "Connection: close\r\n\r\n", 5 * $factor);
	my $st = "@{ $r->{status} }";

	if (defined $want) {
		is($st, $want, "path: $name");
	} else {
		like($st, qr/^(?:400|404|422)$/, "path: $name");
	}
	unlike($r->{got}, qr/^X-A: b/m, "path: $name: no header of ours");
	next if $name =~ /^an escape that/;
	$r = said("DELETE $path HTTP/1.1\r\n$base" .
	    "Connection: close\r\n\r\n", 5 * $factor);
	ok(victim_lives($name), "path: $name: deletes nothing") or
	    diag($r->{got});
}

# Bytes behind a stream's request are not a request of it.
$llm->script({ text => ['a ', 'b ', 'c '], delay => 0.1, times => 0 });
my $body = '{"task_id":"s","message":"x"}';
my $r = said("POST /execute HTTP/1.1\r\n${base}Content-Length: " .
    length($body) . "\r\n\r\n$body$evil", 3 * $factor);
is($r->{status}[0], 200, 'a request behind a stream');
ok(@{ $r->{status} } == 1 || $r->{got} =~ /"phase":"completed"/,
    'the stream is not mixed with it');
is($e->get('/health')->{json}{status}, 'ok', 'it is well after all that');
$e->stop;
done_testing;
