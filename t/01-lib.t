#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The test library on itself: the mock provider against the library's own
# client, the stream rules against streams that break them, and the runner
# against a small program that stands in for the engine.
use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp ();
use JSON::PP ();
use September;
use Test::More;
use Time::HiRes qw(time);

alarm 120;

my $json = JSON::PP->new->canonical;
my $llm = September::MockLLM->start;
my $c = September::HTTP->new(port => $llm->{port});

# A request in a provider's form; the events' data as text, and all else.
sub ask
{
	my ($form, %more) = @_;
	my $stream = delete $more{whole} ? JSON::PP::false : JSON::PP::true;
	my %path = (openai => '/v1/chat/completions',
	    anthropic => '/v1/messages', gemini => '/v1beta/models/m:' .
	    ($stream ? 'streamGenerateContent?alt=sse' : 'generateContent'));
	my $msg = delete $more{say} // 'hi';
	my %body = $form eq 'gemini' ?
	    (contents => [{ role => 'user', parts => [{ text => $msg }] }]) :
	    (model => 'm', stream => $stream,
	    messages => [{ role => 'user', content => $msg }]);
	my %headers = %{ delete $more{headers} // {} };
	my ($conn, $r) = $c->start(POST => $path{$form}, headers => \%headers,
	    json => { %body, %more });

	$r->{body} = '';
	eval {
		while (defined(my $p = $conn->body_piece)) {
			$r->{body} .= $p;
			$r->{pieces}++;
		}
	};
	$r->{cut} = $conn->{cut} || $@ ne '';
	$r->{data} = [map { /\A\{/ ? JSON::PP->new->utf8->decode($_) : $_ }
	    $r->{body} =~ /^data: (.*)$/mg] if $stream && !$r->{cut} &&
	    $r->{status} == 200;
	return $r;
}

sub openai_text
{
	my ($r) = @_;

	return join '', map { ref && $_->{choices}[0] ?
	    $_->{choices}[0]{delta}{content} // '' : () } @{ $r->{data} };
}

subtest 'openai' => sub {
	my $r = ask('openai');

	is(openai_text($r), 'ok', 'the answer without a script');
	is($r->{data}[-1], '[DONE]', '[DONE]');
	$llm->script('Grüße an 世界 😀.', { thinking => 'hm',
	    text => ['a', 'b'], usage => { input => 7, cached => 3 } }, { tools => [{
	    name => 'bash', input => { command => 'ls -l /tmp' },
	    split => 5 }, { name => 'x', id => 'id-2' }] });
	$r = ask('openai', stream_options => { include_usage =>
	    JSON::PP::true });
	is(openai_text($r), 'Grüße an 世界 😀.', 'a text');
	is($r->{data}[-2]{usage}{total_tokens}, 15, 'usage');
	is($r->{data}[-3]{choices}[0]{finish_reason}, 'stop', 'its end');
	$r = ask('openai');
	is($r->{data}[1]{choices}[0]{delta}{reasoning_content}, 'hm',
	    'thinking');
	ok(!(grep { ref && $_->{usage} } @{ $r->{data} }),
	    'no usage unless asked');
	$r = ask('openai');
	my @calls = map { ref ? @{ $_->{choices}[0]{delta}{tool_calls} // [] }
	    : () } @{ $r->{data} };
	my $args = join '', map { $_->{function}{arguments} }
	    grep { $_->{index} == 0 } @calls;

	is($args, '{"command":"ls -l /tmp"}', 'split tool input');
	ok(@calls > 6, 'in pieces');
	is((grep { $_->{index} == 1 } @calls)[0]{id}, 'id-2', 'two calls');
	is($r->{data}[-2]{choices}[0]{finish_reason}, 'tool_calls', 'end');
	$r = ask('openai', whole => 1);
	is(JSON::PP::decode_json($r->{body})->{choices}[0]{message}{content},
	    'ok', 'not streamed');
	$r = $c->request(POST => '/v1/embeddings', json => { model => 'e',
	    input => ['red apple', 'red apple', 'blue sky'] });
	my @v = map { $_->{embedding} } @{ $r->{json}{data} };

	is_deeply($v[0], $v[1], 'equal texts, equal vectors');
	isnt($json->encode($v[0]), $json->encode($v[2]), 'others differ');
};

subtest 'anthropic' => sub {
	$llm->script({ thinking => 'so', text => 'It is.', tools => [{
	    name => 't', input => { a => [1, 2] } }], usage => {
	    input => 20, cached => 15, output => 9 } });
	my $r = ask('anthropic');
	my @d = @{ $r->{data} };

	is(join(' ', map { $_->{type} eq 'content_block_delta' ?
	    $_->{delta}{type} : $_->{type} } @d), 'message_start ' .
	    'content_block_start ping thinking_delta signature_delta ' .
	    'content_block_stop content_block_start text_delta text_delta ' .
	    'content_block_stop content_block_start input_json_delta ' .
	    'input_json_delta content_block_stop message_delta ' .
	    'message_stop', 'the order of events');
	is_deeply([$r->{body} =~ /^event: (\S+)$/mg],
	    [map { $_->{type} } @d], 'event names');
	is($d[0]{message}{usage}{cache_read_input_tokens}, 15, 'cache');
	is($d[0]{message}{usage}{input_tokens}, 5, 'the rest');
	is($d[-2]{delta}{stop_reason}, 'tool_use', 'stop reason');
	is(join('', map { $_->{delta}{partial_json} // '' } @d),
	    '{"a":[1,2]}', 'tool input');
	$llm->script({ text => 'x', stop => 'max_tokens' });
	$r = JSON::PP::decode_json(ask('anthropic', whole => 1)->{body});
	is($r->{content}[0]{text}, 'x', 'not streamed');
	is($r->{stop_reason}, 'max_tokens', 'a stop reason of ours');
};

subtest 'gemini' => sub {
	$llm->script({ thinking => 't', text => ['é', 'b'], tools => [{
	    name => 'f', input => { q => 1 } }] });
	my @d = @{ ask('gemini')->{data} };

	is(join('|', map { my $p = $_->{candidates}[0]{content}{parts}[0];
	    $p->{functionCall} ? $p->{functionCall}{name} :
	    ($p->{thought} ? '~' : '') . $p->{text} } @d), '~t|é|b|f|',
	    'parts');
	is($d[-1]{candidates}[0]{finishReason}, 'STOP', 'end');
	is($d[-1]{usageMetadata}{promptTokenCount}, 10, 'usage');
	my $r = JSON::PP::decode_json(ask('gemini', whole => 1)->{body});

	is($r->{candidates}[0]{content}{parts}[0]{text}, 'ok', 'whole');
};

subtest 'the script' => sub {
	$llm->script({ when => 'apples?', text => 'fruit', times => 2 },
	    { when => qr/beet/, text => 'root', times => 0 }, 'first');
	is(openai_text(ask('openai', say => 'an apple')), 'fruit', 'when');
	is($llm->left, 2, 'two are left');
	is(openai_text(ask('openai', say => 'beet')), 'root', 'always');
	is(openai_text(ask('openai', say => 'other')), 'first', 'in turn');
	is(openai_text(ask('openai', say => 'apple')), 'fruit', 'again');
	is(openai_text(ask('openai', say => 'apple')), 'ok', 'used up');
	is(openai_text(ask('openai', say => 'beet')), 'root', 'not this');
	is($llm->left, 0, 'none is left');
};

subtest 'refusals' => sub {
	$llm->script({ status => 429, retry_after => 7 }, { status => 429,
	    retry_after => 'date' }, { status => 500, body => '<oops>' },
	    { status => 529, headers => { 'X-Extra' => 'y' } });
	my $r = ask('openai');

	is("$r->{status} $r->{headers}{'retry-after'}", '429 7',
	    'status and seconds');
	is(JSON::PP::decode_json($r->{body})->{error}{type},
	    'rate_limit_error', 'its body');
	like(ask('openai')->{headers}{'retry-after'},
	    qr/\A[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT\z/,
	    'a date');
	is(ask('openai')->{body}, '<oops>', 'a body of ours');
	$r = ask('anthropic');
	is($r->{headers}{'x-extra'}, 'y', 'a header of ours');
	is(JSON::PP::decode_json($r->{body})->{error}{type},
	    'overloaded_error', 'in the form of the provider');
	is($c->request(GET => '/v1/models')->{status}, 404, 'else 404');
	my $locked = September::MockLLM->start({ key => 'right' });
	my $lc = September::HTTP->new(port => $locked->{port});
	my %r = (json => { model => 'm', messages => [] });

	is($lc->request(POST => '/v1/chat/completions', %r, headers =>
	    { Authorization => 'Bearer wrong' })->{status}, 401, 'a bad key');
	is($lc->request(POST => '/v1/chat/completions', %r, headers =>
	    { Authorization => 'Bearer right' })->{status}, 200,
	    'the right one');
	is($lc->request(POST => '/v1/messages', %r, headers =>
	    { 'X-Api-Key' => 'right' })->{status}, 200, 'x-api-key');
};

subtest 'faults' => sub {
	my $text = 'zwölf Boxkämpfer jagen Viktor';
	my $r;

	$llm->script({ text => $text, fault => 'cut_mid' });
	$r = ask('openai');
	ok($r->{cut} && $r->{body} =~ /\n\ndata: \{.*[^\n]\z/s, 'cut');
	$llm->script({ text => $text, fault => 'cut_mid', after => 0 });
	unlike(ask('openai')->{body}, qr/\n/, 'cut in the first event');
	$llm->script({ text => $text, fault => 'reset_mid' });
	ok(ask('openai')->{cut}, 'reset');
	$llm->script({ fault => 'garbage' }, { fault => 'empty' });
	ok(!eval { ask('openai') } && $@ =~ /not a status line/, 'garbage');
	ok(!eval { ask('openai') } && $@ =~ /closed before/, 'nothing');
	$llm->script({ text => $text, fault => 'bad_json' });
	ok(!eval { ask('openai') } && $@ =~ /./, 'bad JSON');
	$llm->script({ text => $text, fault => 'wrong_type' });
	is(ask('openai')->{headers}{'content-type'}, 'text/html', 'type');
	$llm->script({ text => $text, fault => 'huge', size => 1 << 20 });
	ok(length ask('openai')->{body} > 1 << 20, 'huge');
	$llm->script({ text => $text, fault => 'error_mid' });
	ok((grep { ref && $_->{error} } @{ ask('openai')->{data} }),
	    'an error in the stream');
	$llm->script({ text => $text, fault => 'no_end' });
	$r = ask('openai');
	ok(!$r->{cut} && $r->{body} !~ /DONE/, 'no [DONE]');
	$llm->script({ text => $text, pieces => 3 });
	$r = ask('openai');
	is(openai_text($r), $text, 'pieces that cut characters');
	ok($r->{pieces} > 50, 'are many');
	$llm->script({ text => 'a b', drip => 0.0005 });
	is(openai_text(ask('openai')), 'a b', 'a byte at a time');
	$llm->script({ text => [1 .. 4], delay => 0.05, head_delay => 0.1 });
	my $t0 = time;

	is(openai_text(ask('openai')), '1234', 'slow');
	ok(time - $t0 > 0.35, 'indeed');
};

subtest 'hanging' => sub {
	my $n = () = $llm->requests;
	my $closed = () = $llm->closings;

	$llm->script({ text => 'some words here', fault => 'hang_head' });
	ok(!eval { $c->start(POST => '/v1/chat/completions', json => {},
	    timeout => 0.2) } && $@ =~ /nothing came/, 'before the head');
	$llm->wait_closings($closed + 1);
	$llm->script({ text => 'some words here', fault => 'hang_mid' });
	my ($conn) = $c->start(POST => '/v1/chat/completions', json =>
	    { stream => JSON::PP::true });

	$conn->{timeout} = 0.2;
	ok(!eval { 1 while defined $conn->body_piece; 1 }, 'in the middle');
	$conn->close;
	my @gone = $llm->wait_closings($closed + 2);

	is_deeply([map { $_->{n} } @gone[-2, -1]], [$n + 1, $n + 2],
	    'it knows which clients hung up');
};

subtest 'the record' => sub {
	my $n = () = $llm->requests;

	ask('anthropic', say => "naïve ☃", headers => { 'X-Api-Key' => 'k' });
	my $r = ($llm->wait_requests($n + 1))[-1];

	is($r->{n}, $n + 1, 'its number');
	is("$r->{method} $r->{path}", 'POST /v1/messages', 'path');
	is($r->{headers}{'x-api-key'}, 'k', 'header');
	is($r->{body}{messages}[0]{content}, 'naïve ☃', 'body');
	my $conn = $c->connect;

	for (1, 2) {
		$c->request(POST => '/v1/messages', conn => $conn,
		    json => {});
	}
	my @r = $llm->requests;

	is($r[-1]{conn}, $r[-2]{conn}, 'two on one connection');
	isnt($r[-1]{conn}, $r[-3]{conn}, 'and not the one before');
};

# ---- the rules of the stream ----

# A stand-in for the engine: writes its port, streams a file, ends on TERM.
my $tmp = File::Temp->newdir;
my $fake = "$tmp/engine";

spew($fake, "#!$^X\n" . <<'FAKE');
use strict;
use IO::Socket::INET;
$| = 1;
print STDERR "$ENV{FAKE_SAY}\n" if $ENV{FAKE_SAY};
exit $ENV{FAKE_EXIT} if $ENV{FAKE_EXIT};
$SIG{TERM} = $ENV{FAKE_DEAF} ? 'IGNORE' : sub { exit($ENV{FAKE_END} // 0) };
my $l = IO::Socket::INET->new(Listen => 9, LocalAddr => '127.0.0.1',
    LocalPort => $ENV{ENGINE_PORT}) or die;
open my $p, '>', $ENV{ENGINE_PORT_FILE} or die;
print {$p} $l->sockport, "\n";
close $p;
while (my $s = $l->accept) {
	my ($head, $body) = ('', '');
	while ($head !~ /\r\n\r\n/) {
		sysread $s, $head, 1, length $head or last;
	}
	my $n = $head =~ /content-length: (\d+)/i ? $1 : 0;
	while (length $body < $n) { sysread $s, $body, 1000, length $body }
	my $key = $head =~ /x-engine-key: (\S+)/i ? $1 : '';
	my $type = 'application/json';
	my ($status, $out) = ('200 OK', '{"status":"ok"}');
	if ($key ne $ENV{ENGINE_API_KEY}) {
		$status = '401 No';
		$out = '{"error":"INVALID_KEY","message":"no"}';
	} elsif ($head =~ m{^(?:POST|GET) /execute}) {
		$type = 'text/event-stream';
		open my $f, '<:raw', "$ENV{HOME}/stream";
		local $/;
		$out = <$f>;
	} elsif ($head =~ m{^(\S+) /echo}) {
		$out = qq({"method":"$1","n":$n});
	}
	syswrite $s, "HTTP/1.1 $status\r\nContent-Type: $type\r\n" .
	    "X-Request-Id: r\r\nContent-Length: " . length($out) .
	    "\r\n\r\n$out";
	close $s;
}
FAKE
chmod 0755, $fake;

my $e = September->start(binary => $fake, catalog => 'none', llm => $llm);

sub stream_of
{
	my ($text) = @_;

	utf8::encode($text);
	spew("$e->{dir}/home/stream", $text);
	my $s = $e->execute({ task_id => 't', message => 'm' });

	$s->all;
	return $s;
}

sub ev
{
	my ($id, $name, %d) = @_;

	$d{timestamp} //= sprintf '2026-04-27T12:34:56.%03dZ', $id;
	return "id: $id\nevent: $name\ndata: " . $json->encode(\%d) . "\n\n";
}

my @good = (ev(1, 'thread_lifecycle', phase => 'started', turn_id => 'turn-1'),
    ev(2, 'text_delta', text => 'Hel'), ev(5, 'text_delta', text => 'lo'),
    ev(6, 'tool_call', tool => 'x', tool_call_id => 'c', input => {}),
    ev(7, 'thread_lifecycle', phase => 'completed', turn_id => 'turn-1',
    stop_reason => 'end_turn'));

subtest 'a good stream' => sub {
	my $s = stream_of(join '', ": ok\n\n", @good);
	my $d = September::digest($s);

	stream_ok($s, 'keeps the rules');
	is($d->{text}, 'Hello', 'text');
	is($d->{stop_reason}, 'end_turn', 'stop reason');
	is($d->{tools}[0]{tool}, 'x', 'tool');
	is($d->{turn_id}, 'turn-1', 'turn');
	is($s->summary, 'started text_delta x2 tool_call completed',
	    'in short');
	is(join('', map { "$_\n" } $s->frames), join('', @good), 'frames');
	is($s->{last_id}, 7, 'last id');
	spew("$e->{dir}/home/stream", join '', @good);
	$s = $e->execute({});
	is(($s->until('text_delta'))[-1]{data}{text}, 'Hel', 'until');
	is(scalar($s->all), 3, 'the rest');
	$s = $e->replay(task_id => 'a b', follow => 'false');
	$s->cut_at(100);
	ok($s->{bytes} >= 100, 'cut at a byte');
	is_deeply([$s->problems(open => 1)], [], 'hanging up is no fault');
	turn_ok($e->turn('t', 'm'), 'a turn in one go');
};

subtest 'bad streams' => sub {
	my @b = @good;
	my %bad = (
	    'no id' => [$b[0], $b[1] =~ s/id: 2\n//r, @b[2 .. 4]],
	    'event first' => [$b[0], $b[1] =~
		s/(id: 2\n)(event: \w+\n)/$2$1/r, @b[2 .. 4]],
	    'two data lines' => [$b[0], $b[1] =~ s/\n\n/\ndata: {}\n\n/r,
		@b[2 .. 4]],
	    'no blank behind data' => [$b[0], $b[1] =~ s/data: /data:/r,
		@b[2 .. 4]],
	    'an id again' => [@b[0, 1], $b[2] =~ s/id: 5/id: 2/r,
		@b[3, 4]],
	    'an id with letters' => [@b[0, 1], $b[2] =~ s/id: 5/id: x5/r,
		@b[3, 4]],
	    'a time again' => [@b[0, 1], $b[2] =~ s/\.005Z/.002Z/r,
		@b[3, 4]],
	    'a time without ms' => [@b[0, 1], $b[2] =~ s/\.005Z/Z/r,
		@b[3, 4]],
	    'no time' => [@b[0, 1], $b[2] =~ s/timestamp/time/r, @b[3, 4]],
	    'an array' => [$b[0], $b[1] =~ s/data: .*/data: []/r,
		@b[2 .. 4]],
	    'no JSON' => [$b[0], $b[1] =~ s/data: .*/data: {"a":/r,
		@b[2 .. 4]],
	    'text elsewhere' => [@b[0 .. 2], $b[3] =~
		s/"tool":/"text":"","tool":/r, $b[4]],
	    'a delta without text' => [$b[0], $b[1] =~ s/"text"/"txt"/r,
		@b[2 .. 4]],
	    'CRLF' => [$b[0], $b[1] =~ s/\n/\r\n/gr, @b[2 .. 4]],
	    'U+2028' => [$b[0], $b[1] =~ s/Hel/\x{2028}/r, @b[2 .. 4]],
	    'U+0085' => [$b[0], $b[1] =~ s/Hel/\x{85}/r, @b[2 .. 4]],
	    'started missing' => [@b[1 .. 4]],
	    'started twice' => [@b[0, 1], $b[0] =~ s/id: 1/id: 3/r =~
		s/\.001/.003/r, @b[2 .. 4]],
	    'no end' => [@b[0 .. 3]],
	    'cut in a frame' => [@b[0 .. 3], "id: 8\nevent: x\n"],
	    'something behind the end' => [@b, ev(8, 'usage')],
	    'errored without error' => [@b[0 .. 3], ev(7,
		'thread_lifecycle', phase => 'errored')],
	    'a heartbeat with id' => [@b[0 .. 3], ev(6, 'heartbeat'),
		$b[4]],
	);

	for my $name (sort keys %bad) {
		my $s = stream_of(join '', @{ $bad{$name} });
		my @p = $s->problems;

		ok(@p > 0, "$name is seen") or diag($s->summary);
	}
	stream_ok(stream_of(join '', @b[0 .. 3], ev(7, 'thread_lifecycle',
	    phase => 'errored'), ev(8, 'error', error => 'X')), 'an error');
	stream_ok(stream_of(join '', @b[0 .. 2], "event: heartbeat\ndata: " .
	    "{\"timestamp\":\"2026-04-27T12:34:56.005500Z\"}\n\n" =~
	    s/005500/006/r, $b[4]), 'a heartbeat');
	my $r = stream_of(join '', @b[2 .. 4]);

	stream_ok($r, 'a part', late => 1);
};

# ---- the runner ----

subtest 'requests' => sub {
	is($e->get('/health')->{json}{status}, 'ok', 'GET with the key');
	error_is($e->get('/health', key => undef), 401, 'INVALID_KEY');
	error_is($e->get('/x', key => 'other'), 401, 'INVALID_KEY');
	is($e->post('/echo', { a => 1 })->{json}{n}, 7, 'POST');
	is($e->put('/echo', {})->{json}{method}, 'PUT', 'PUT');
	is($e->delete('/echo')->{json}{method}, 'DELETE', 'DELETE');
	my $s = September::HTTP->new(port => $e->{port})->stream(POST =>
	    '/execute');

	is($s->{json}{error}, 'INVALID_KEY', 'a stream that was refused');
	ok(scalar($s->problems), 'is not in order');
	like($s->{body}, qr/INVALID_KEY/, 'and keeps its body');
};

subtest 'life' => sub {
	my $pid = $e->{pid};
	my %env = $e->environment;

	is($env{LLM_BASE_URL}, $llm->base_url, 'the mock is its provider');
	ok(!exists $env{PERL5LIB}, 'a clean environment');
	ok(-e "$e->{dir}/catalog/agents/default/agent.json", 'a catalog');
	$e->catalog_file('tools/x.json', { name => 'x' });
	ok(-s "$e->{dir}/catalog/tools/x.json", 'a file more');
	$e->stop(name => 'ends on TERM');
	ok(!kill(0, $pid), 'it is gone');
	$e->restart;
	isnt($e->{pid}, $pid, 'restarted');
	is($e->get('/health')->{status}, 200, 'and answers');
	$e->kill9;
	is($e->{status}, 'signal 9', 'killed');
	my $r = September->refuse(binary => $fake, catalog => 'none',
	    env => { FAKE_EXIT => 3, FAKE_SAY => 'no key' });

	is($r->{status}, 3, 'a start that is refused');
	is($r->{stderr}, "no key\n", 'says why');
	ok(!eval { September->start(binary => $fake, catalog => 'none',
	    env => { FAKE_EXIT => 1, FAKE_SAY => 'boom' }) } &&
	    $@ =~ /boom/, 'start dies with the log');
	ok(!eval { September->refuse(binary => $fake, catalog => 'none',
	    wait => 0.3) } && $@ =~ /did start/, 'refuse dies if it does');
};

subtest 'the log is judged' => sub {
	my %say = (
	    'ERROR: AddressSanitizer: heap-use-after-free' => 1,
	    '==1==ERROR: LeakSanitizer: detected memory leaks' => 1,
	    'WARNING: ThreadSanitizer: data race (pid=1)' => 1,
	    'x.c:1:2: runtime error: signed integer overflow' => 1,
	    '{"message":"the loop has been held for 99 ms by x"}' => 1,
	    '{"level":"INFO","message":"all is well"}' => 0);

	for my $text (sort keys %say) {
		my $f = September->start(binary => $fake, catalog => 'none',
		    env => { FAKE_SAY => $text });
		my @p = $f->log_problems;

		is(scalar @p, $say{$text}, $text);
		$f->{stalls} = 1;
		is(scalar($f->log_problems), 0, 'excused') if
		    $text =~ /held/;
		$f->{allow} = qr/Sanitizer|runtime error|held/;
		is(scalar($f->log_problems), 0, 'allowed');
		is(($f->log_lines)[0]{level}, 'INFO', 'JSON lines') if
		    $text =~ /INFO/;
		$f->stop;
	}
};

done_testing;
