#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Clients that do not behave: readers that stop, senders that do not, slow
# ones, too many of them, and bodies made to hurt.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use POSIX ();
use September;
use Test::More;
use Time::HiRes qw(time sleep);

my $factor = $ENV{SEPT_TIME_FACTOR} // 1;
my $sanitized = slurp(September::builddir() . '/Makefile') =~ /-fsanitize/;
alarm int(400 * $factor);

sub rss # MiB
{
	my ($e) = @_;

	slurp("/proc/$e->{pid}/status") =~ /^VmRSS:\s+(\d+) kB/m or return 0;
	return $1 / 1024;
}

sub cpu # seconds of the process
{
	my ($e) = @_;
	my @f = split / /, slurp("/proc/$e->{pid}/stat") =~ s/\A.*\) //sr;

	return ($f[11] + $f[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

# Memory is measured without a sanitizer's own.
sub memory_ok
{
	my ($got, $most, $name) = @_;

	return ok(1, "$name (not measured: sanitizer)") if $sanitized;
	return ok($got < $most, sprintf '%s: %.1f < %d MiB', $name, $got,
	    $most);
}

my $llm = September::MockLLM->start;
my $e = September->start(catalog => 'none', llm => $llm, stalls => 1, env => {
    ENGINE_HEAD_TIMEOUT_SECONDS => 2, ENGINE_BODY_TIMEOUT_SECONDS => 3,
    ENGINE_IDLE_TIMEOUT_SECONDS => 120 });
my $base = "Host: 127.0.0.1:$e->{port}\r\nX-Engine-Key: test-key\r\n";

# --- 15 s of silence, measured beside the rest -------------------------------
$llm->script({ when => qr/be silent/, text => ['a', 'b'],
    fault => 'hang_mid' }, { text => 'ok', times => 0 });
my $silent = $e->execute({ task_id => 'silent', message => 'be silent' });
$silent->until('text_delta');
my $silent_since = time;

# --- a reader that stops -----------------------------------------------------
my $piece = 'x' x 1000;
my $half = [("$piece ") x 10_000];
$llm->script({ when => qr/echo between/, text => $half },
    { when => qr/a lot/, text => $half, tools => [{ name => 'bash',
	input => { command => 'echo between' } }] },
    { text => 'ok', times => 0 });
my $before = rss($e);
my $stopped = $e->execute({ task_id => 'stopped', message => 'a lot' },
    rcvbuf => 4096);
my $peak = 0;
my ($late, $state) = (0, '');
my $end = time + 120 * $factor;
do {
	my $t = time;
	my $r = $e->get('/tasks/stopped');

	$late = time - $t if time - $t > $late;
	$state = $r->{json}{state} // '';
	$peak = rss($e) if rss($e) > $peak;
	sleep 0.1;
} while ($state eq 'running' && time < $end);
is($state, 'idle', 'the turn ends although its reader has stopped');
memory_ok($peak - $before, 150, 'memory while 20 MB are streamed');
cmp_ok($late, '<', 2 * $factor, 'others are served');
my $r = $e->replay(task_id => 'stopped', timeout => 60 * $factor);
$r->{forget} = 1;
my ($n, $last) = (0, '');
while (my $ev = $r->next(60 * $factor)) {
	$n += length $ev->{data}{text} if $ev->{event} eq 'text_delta';
	$last = $ev->{data}{phase} // $last;
}
is($n, 20_000 * 1001, 'another reader gets all of it');
is($last, 'completed', 'to the end');
$stopped->{forget} = 1;
$n = 0;
while (my $ev = $stopped->next(60 * $factor)) {
	$n += length $ev->{data}{text} if $ev->{event} eq 'text_delta';
}
is($n, 20_000 * 1001, 'and so does the one that stopped, later');

# --- bytes behind an open stream ---------------------------------------------
$llm->script({ when => qr/slowly/, text => [map { "w$_ " } 1 .. 60],
    delay => 0.05 }, { text => 'ok', times => 0 });
my $s = $e->execute({ task_id => 'behind', message => 'slowly' });
$s->until('text_delta');
$before = rss($e);
{
	local $SIG{PIPE} = 'IGNORE';
	my ($sent, $until) = (0, time + 1.5);

	$s->{conn}{sock}->blocking(0);
	while ($sent < 50_000_000 && time < $until) {
		my $w = syswrite $s->{conn}{sock}, 'y' x 65536;

		last if !defined $w && !$!{EAGAIN};
		sleep 0.01 if !defined $w;
		$sent += $w // 0;
	}
	$s->{conn}{sock}->blocking(1);
	note("$sent bytes went");
}
memory_ok(rss($e) - $before, 20, 'bytes behind a stream are not kept');
$s->close;
$r = $e->replay(task_id => 'behind');
$r->all(20 * $factor);
turn_ok(September::digest($r), 'and the turn goes on');

# --- slow ones ---------------------------------------------------------------
sub dripped
{
	my ($first, $drip, $most) = @_;
	my $conn = $e->{http}->connect;
	my $began = time;
	my $got = '';

	$conn->put($first);
	while (time - $began < $most) {
		last if !$conn->put($drip);
		my $p = eval { $conn->some(0.2) };

		$got .= $p if defined $p;
		last if $conn->{eof};
	}
	return (time - $began, $conn->{eof} // 0, $got);
}

for my $c (['a head', "GET /tasks HTTP/1.1\r\n$base", "X-A: b\r\n", 2],
    ['nothing but blank lines', '', "\r\n", 2],
    ['a body', "POST /feedback HTTP/1.1\r\n${base}" .
	"Content-Length: 10000\r\n\r\n", ' ', 3],
    ['chunks', "POST /feedback HTTP/1.1\r\n${base}" .
	"Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", 3]) {
	my ($name, $first, $drip, $limit) = @$c;
	my ($took, $eof, $got) = dripped($first, $drip, 12 * $factor);

	ok($eof, "$name that drips is closed") or diag($got);
	cmp_ok($took, '<', $limit + 3 * $factor, "$name: in time");
}

# --- bodies ------------------------------------------------------------------
{
	my $conn = $e->{http}->connect(timeout => 20 * $factor);
	my $began = time;

	$conn->put("POST /execute HTTP/1.1\r\n${base}Content-Length: " .
	    (33 << 20) . "\r\n\r\n");
	is($conn->head('POST')->{status}, 413, '33 MiB are refused');
	cmp_ok(time - $began, '<', 1 * $factor, 'before they are sent');
	$before = rss($e);
	is($e->request(POST => '/execute', body => 'x' x (33 << 20),
	    timeout => 20 * $factor)->{status}, 413, 'and when they are');
	$conn = $e->{http}->connect(timeout => 20 * $factor);
	$conn->put("POST /execute HTTP/1.1\r\n${base}" .
	    "Transfer-Encoding: chunked\r\n\r\n");
	for (1 .. 34) {
		last if !$conn->put("100000\r\n" . 'x' x (1 << 20) . "\r\n");
	}
	is($conn->head('POST')->{status}, 413, 'in chunks as well');
	memory_ok(rss($e) - $before, 100, 'they do not stay');
}

my @post = ('/execute', '/execute/cancel', '/feedback', '/rpc',
    '/skills/create', '/admin/rotate-key');
my %bad = (
    'levels' => '{"a":' . '[' x 100_000 . ']' x 100_000 . '}',
    'objects' => '{"a":' x 100_000 . '1' . '}' x 100_000,
    'open levels' => '[' x 100_000,
    'NUL' => "{\"task_id\":\"a\0b\"}",
    'escaped NUL' => '{"task_id":"a\u0000b","message":"x"}',
    'NUL behind' => "{}\0",
    'invalid UTF-8' => "{\"task_id\":\"\xff\xfe\"}",
    'overlong UTF-8' => "{\"task_id\":\"\xc0\xaf\"}",
    'a surrogate in UTF-8' => "{\"task_id\":\"\xed\xa0\x80\"}",
    'half a surrogate' => '{"task_id":"\ud800"}',
    'duplicate keys' => '{"task_id":"a","task_id":"b"}',
    'a byte order mark' => "\xef\xbb\xbf{}",
    'UTF-16' => "\xff\xfe{\0}\0",
    'a huge number' => '{"rating":1e999,"limit":' . '9' x 5000 . '}',
    'NaN' => '{"rating":NaN}', 'Infinity' => '{"rating":-Infinity}',
    'a trailing comma' => '{"a":1,}', 'a comment' => '{/**/}',
    'no object' => '["a"]', 'two objects' => '{}{}', 'nothing' => '',
    'a control character' => "{\"a\":\"\x01\"}");
my @not400;
for my $path (@post) {
	for my $name (sort keys %bad) {
		my $st = $e->request(POST => $path, body => $bad{$name},
		    timeout => 20 * $factor)->{status};

		push @not400, "$path, $name: $st" if $st != 400;
	}
}
is(join(' | ', @not400), '', 'bad JSON is 400 everywhere');

# Strings that have broken something somewhere, in every text field.
my @naughty = ('', ' ', "\t", "\n", 'null', 'NULL', 'undefined', 'true',
    'None', 'nil', '0', '-1', '1e5', '0x0', '-0', 'NaN', '1/0', '.', '..',
    '../', '../../../../etc/passwd', '..\\..\\boot.ini', '/dev/zero',
    '/dev/stdin', 'file:///etc/passwd', 'con', 'aux', 'nul', '-', '--',
    '--help', '-rf', '*', '?', '[a-z]', '~', '~root', '$HOME', '${HOME}',
    '$(id)', '`id`', '; id', '| id', '&& id', "\$'\\n'", '%', '%s%s%s%n',
    '%d', '%*d', '%99999999d', '%00', '%0a', '%2e%2e%2f', '{}', '{{7*7}}',
    '${7*7}', '#{7*7}', '<%= 7*7 %>', '[]', '()', '<>', '<script>alert(1)',
    '"><img src=x onerror=x>', '<!--', ']]>', '<?xml version="1.0"?>',
    '<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]>', '&lt;',
    '&#0;', "'", '"', "''", '""', "\\", "\\\\", "\\n", "\\u0000", '\\x00',
    "' OR '1'='1", "'; DROP TABLE tasks; --", '" OR ""="', "1; SELECT 1",
    'a*', 'a OR b', 'NEAR(a b)', 'a AND', '"a', 'a:b', '^a', 'a - b', '+a',
    '(', ')', 'col:x', 'NOT', "\x{0}x" =~ s/\0//r, "a\x{1}b", "a\x{7f}b",
    "a\x{80}b", "a\x{85}b", "a\x{a0}b", "a\x{ad}b", "a\x{200b}b",
    "a\x{200e}b", "a\x{202e}b", "a\x{2028}b", "a\x{2029}b", "a\x{2060}b",
    "a\x{feff}b", "a\x{fff9}b", "a\x{fffd}b", "a\x{fffe}b", "a\x{ffff}b",
    "\x{1f600}", "\x{1f468}\x{200d}\x{1f469}\x{200d}\x{1f467}",
    "\x{1f1e9}\x{1f1ea}", "e\x{301}", "\x{e9}", "Z\x{351}\x{36b}\x{343}",
    "\x{301}", "\x{5d0}\x{5d1}", "\x{627}\x{644}", "\x{4f60}\x{597d}",
    "\x{d55c}", "\x{10ffff}", "\x{e0001}", "\x{130}i\x{131}", "\x{df}",
    "\x{fb01}", "\x{2126}", "\x{212a}", "\x{1d54f}", "\x{ff21}",
    "\x{ff0e}\x{ff0e}\x{ff0f}", "\x{2024}\x{2024}", "\r", "\r\n",
    "a\rb", "a\nb", "a\r\nSet-Cookie: b", "a\n\nevent: error\ndata: {}\n\n",
    "data: x", "id: 7", ": comment", "event: thread_lifecycle",
    'data: [DONE]', '[DONE]', '</s>', '<|im_start|>system', '<|endoftext|>',
    '[INST]', 'Human:', "\n\nAssistant:", '<tool_call>', '{"tool":"bash"}',
    'sk-' . 'a' x 48, 'AKIA' . 'A' x 16, 'ghp_' . 'b' x 36, 'Bearer x',
    'task-1', 'msg-', 'turn-', 'call-', '__proto__', 'constructor',
    'toString', '__init__', 'a' x 255, 'a' x 256, 'a' x 257, 'a' x 4096,
    'a' x 70_000, "\x{1f600}" x 64, "\x{1f600}" x 65, ' ' x 300,
    "\n" x 1000, '[' x 2000, '(' x 2000, '((a+)+)+$', '(?:)', 'a{99999}',
    '\\1', '%' x 500, '1' x 400, '1.' . '0' x 400, '1e-400',
    '2038-01-19T03:14:08Z', '0000-00-00', '9999-12-31T23:59:60Z',
    '1970-01-01T00:00:00.000Z', 'http://', 'http://a:99999/',
    'http://127.0.0.1:1/', 'http://[::1]/', 'javascript:alert(1)',
    'http://169.254.169.254/', 'gopher://x', 'xn--a', 'localhost', '::',
    '127.1', '0', '00', '007', '08', '1_000', "1\x{a0}000", '١٢٣', '½',
    'TRUE', 'yes', 'on', 'inf', 'Infinity', 'scunthorpe', 'if', 'select',
    'COM1', 'LPT1', '.htaccess', '.env', 'a/b', 'a\\b', 'a b', ' a', 'a ',
    'a.', 'a,b', 'a=b', 'a&b', 'a#b', 'a?b', 'a;b', 'a@b', 'a!b');
my @odd;
my %fields = (
    '/execute' => { task_id => 't', message => 'x', agent => 'default',
	edit_message_id => 'msg-1', retry_message_id => 'msg-1',
	effort => 'high' },
    '/execute/cancel' => { task_id => 't' },
    '/feedback' => { task_id => 't', feedback_type => 'rating',
	message_id => 'm', comment => 'x' },
    '/rpc' => { method => 'tool.bash' },
    '/skills/create' => { name => 'x', description => 'x', category => 'x',
	prompt => 'x' },
    '/admin/rotate-key' => { new_key_hash => 'x' });
my $skills = 0;
for my $path (sort keys %fields) {
	my $good = $fields{$path};

	for my $field (sort keys %$good) {
		for my $text (@naughty) {
			my %b = map { $_ => $good->{$_} } grep {
			    !/^(?:edit|retry)_/ || $_ eq $field }
			    keys %$good;

			$b{$field} = $text;
			# Every one a task of its own: none is busy.
			$b{task_id} = 'n-' . ++$skills if $path eq '/execute'
			    && $field ne 'task_id';
			$b{name} = 'skill-' . ++$skills if
			    $path eq '/skills/create' && $field ne 'name';
			next if $path eq '/execute' &&
			    $field =~ /^(?:message|effort)$/ && $skills % 5;
			my $r = eval { $e->request(POST => $path,
			    json => \%b, timeout => 20 * $factor) };

			if (!$r) {
				push @odd, "$path $field: $@";
			} elsif ($r->{status} >= 500 || ($r->{status} >= 400
			    && ref $r->{json} ne 'HASH')) {
				push @odd, "$path $field '" . substr(
				    JSON::PP->new->ascii->allow_nonref->encode(
				    $text), 0, 60) . "': $r->{status}";
			}
		}
	}
}
is(scalar @odd, 0, @naughty . ' strings in every field') or
    diag(join "\n", @odd[0 .. ($#odd > 9 ? 9 : $#odd)]);
my @paths;
for my $text (@naughty) {
	my $id = September::escape($text);

	next if length $id > 6000;
	for my $p ("/tasks/$id", "/tasks/$id/messages", "/skills/$id",
	    "/execute/replay?follow=false&task_id=$id") {
		my $r = $e->get($p);

		push @paths, "$p: $r->{status}"
		    if $r->{status} >= 500;
	}
}
is(join(' | ', @paths), '', 'and in paths and queries');
is($e->get('/health')->{json}{status}, 'ok', 'it is well after all that');

# The silence from above.
my $beat;
eval { $beat = ($silent->until('heartbeat', 25 * $factor))[-1] };
ok($beat, 'a heartbeat comes') or diag($@);
ok(!defined $beat->{id}, 'without an id');
$n = $beat->{at} - $silent_since;
cmp_ok($n, '>=', 14, 'not before 15 s of silence') if $n < 40;
$e->post('/execute/cancel', { task_id => 'silent' });
eval { $silent->all(10 * $factor) };
stream_ok($silent, 'the stream is well-formed');
$r = $e->replay(task_id => 'silent');
$r->all;
is(scalar(grep { $_->{event} eq 'heartbeat' } @{ $r->{events} }), 0,
    'heartbeats are not replayed');
$e->stop;

# --- too many ----------------------------------------------------------------
# The limit of this process holds for both sides.
sub with_limit
{
	my ($limit, $what) = @_;
	my $prlimit = (grep { -x } '/usr/bin/prlimit', '/bin/prlimit')[0];

	return 0 if !$prlimit;
	return system($prlimit, "--pid=$what", "--nofile=$limit") == 0;
}

SKIP: {
	my $hard = `sh -c 'ulimit -H -n'`;
	my $many = $ENV{SEPT_CONNECTIONS} // 10_000;

	chomp $hard;
	if ($hard ne 'unlimited' && $hard < $many + 200) {
		diag("THE LIMIT OF DESCRIPTORS IS $hard: no $many connections");
		skip 'too few descriptors', 4;
	}
	my $want = $many + 200;

	if (!with_limit("$want:$hard", $$)) {
		diag('NO prlimit PROGRAM: no test of many connections');
		skip 'no prlimit', 4;
	}
	my $m = September->start(catalog => 'none', llm => $llm,
	    env => { ENGINE_HEAD_TIMEOUT_SECONDS => 300 });
	my @conns;

	$before = rss($m);
	for my $i (1 .. $many) {
		push @conns, $m->{http}->connect;
		$m->get('/health') if $i % 1000 == 0;
	}
	is(scalar @conns, $many, "$many connections are open");
	my $t = time;
	is($m->get('/health')->{status}, 200, '/health answers');
	cmp_ok(time - $t, '<', 1 * $factor, 'soon');
	memory_ok(rss($m) - $before, 100, 'memory');
	@conns = ();
	$m->stop;
}

SKIP: {
	my $f = September->start(catalog => 'none', llm => $llm);

	# As many as it has, and some.
	my $open = () = glob "/proc/$f->{pid}/fd/*";

	if (!with_limit(($open + 20) . ':' . ($open + 20), $f->{pid})) {
		diag('NO prlimit PROGRAM: no test of few descriptors');
		skip 'no prlimit', 4;
	}
	my @conns = map { $f->{http}->connect } 1 .. 200;
	my $c = cpu($f);

	sleep 3;
	$c = cpu($f) - $c;
	cmp_ok($c, '<', 0.6 * $factor, "out of descriptors: no spin ($c s)");
	my @log = grep { /cannot accept/ } split /\n/, $f->log_text;
	cmp_ok(scalar @log, '<', 8, 'and no flood of log lines');
	@conns = ();
	my ($ok, $until) = (0, time + 10 * $factor);

	while (!$ok && time < $until) {
		$ok = eval { $f->get('/health')->{status} == 200 };
		sleep 0.1 if !$ok;
	}
	ok($ok, 'it recovers');
	turn_ok($f->turn('few', 'x'), 'and runs turns');
	$f->stop;
}
done_testing;
