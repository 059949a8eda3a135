#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The network backends through the engine: what the model is asked, what the
# stream says, and every way in which a provider fails.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use September;
use Test::More;
use Time::HiRes qw(time);

alarm 500;
my $KEY = 'provider-key-0123456789';
my %model = (openai => 'gpt-5', anthropic => 'claude-sonnet-4-5',
    gemini => 'gemini-2.5-pro');
my %form = (openai => 'September::MockLLM::OpenAI',
    anthropic => 'September::MockLLM::Anthropic',
    gemini => 'September::MockLLM::Gemini');
my ($llm, $e, $p);
my $task = 0;

sub requests_after
{
	my ($n) = @_;
	my @r = $llm->requests;

	return @r[$n .. $#r];
}

sub count { return scalar(() = $llm->requests) }
sub health { return $e->get('/health')->{json} }

# A turn on a task of its own that must fail so; how many calls it took.
sub fails
{
	my ($code, $name, @script) = @_;
	my $n = count();

	$llm->script(@script);
	my $t = $e->turn('f' . ++$task, 'fail', timeout => 30);

	stream_ok($t->{stream}, "$p: $name: a well-formed stream");
	is($t->{error}{error}, $code, "$p: $name: $code");
	is($t->{stream}->summary =~ /errored error\z/ ? 1 : 0, 1,
	    "$p: $name: errored, then error, then nothing");
	ok(($t->{error}{message} // '') ne '', "$p: $name: a message");
	unlike($t->{stream}{raw}, qr/\Q$KEY\E/, "$p: $name: no key");
	$t->{calls} = count() - $n;
	return $t;
}

# The last thing the user said, wherever the form has it.
sub last_user
{
	my ($body) = @_;

	return $body->{contents}[-1]{parts} if $p eq 'gemini';
	return $body->{messages}[-1]{content};
}

sub plain_turns
{
	$llm->script({ text => ['Hel', 'lo ', 'there'], usage =>
	    { input => 20, output => 7, cached => 6 } }, 'Two.', 'Three.');
	my $n = count();
	my $t = $e->turn('plain', 'say it');

	turn_ok($t, "$p: a plain turn");
	is($t->{text}, 'Hello there', "$p: text");
	is($t->{usage}[0]{input_tokens}, 20, "$p: input tokens");
	is($t->{usage}[0]{output_tokens}, 7, "$p: output tokens");
	is($t->{usage}[0]{cache_hit_tokens}, 6, "$p: cached tokens");
	like($t->{usage}[0]{model}, qr/^\Q$model{$p}\E/, "$p: model");
	$e->turn('plain', 'again');
	$e->turn('other', 'again');
	my @r = requests_after($n);

	is(scalar @r, 3, "$p: one request a turn");
	is(join(',', map { $_->{conn} } @r), join(',', ($r[0]{conn}) x 3),
	    "$p: all over one connection");
	is($form{$p}->key($r[0]{headers}), $KEY, "$p: the key's header");
	unlike($r[0]{path}, qr/\Q$KEY\E/, "$p: and not in the path");
	like($r[0]{headers}{'content-type'}, qr{^application/json},
	    "$p: JSON");
	ok($r[0]{headers}{'anthropic-version'}, 'a version')
	    if $p eq 'anthropic';
	# What was the prompt stays, byte for byte.
	my @sys = map { my $b = $_->{body}; JSON::PP->new->canonical->
	    allow_nonref->encode([$b->{system} // $b->{systemInstruction} //
	    $b->{messages}[0]{content}, $b->{tools}]) } @r;
	is($sys[1], $sys[0], "$p: system prompt and tools do not change");
}

sub thinking
{
	$llm->script({ thinking => ['Let me ', 'think'], text => 'Deep.' },
	    'Next.');
	my $t = $e->turn('think', 'hard', super_thinking => JSON::PP::true);

	turn_ok($t, "$p: a turn with thinking");
	is($t->{thinking}, 'Let me think', "$p: thinking");
	is($t->{text}, 'Deep.', "$p: text after it");
	is(join(' ', map { "$_->{data}{block_index}:$_->{data}{block_type}" }
	    grep { $_->{event} eq 'content_block_start' }
	    @{ $t->{events} }), '0:thinking 1:text', "$p: blocks");
	my $b = ($llm->requests)[-1]{body};

	ok($p eq 'openai' ? $b->{reasoning_effort} : $p eq 'gemini' ?
	    $b->{generationConfig}{thinkingConfig} : $b->{thinking},
	    "$p: it was asked for");
	$t = $e->turn('think', 'easy');
	turn_ok($t, "$p: a turn after it");
	$b = ($llm->requests)[-1]{body};
	ok(!($p eq 'openai' ? $b->{reasoning_effort} : $p eq 'gemini' ?
	    $b->{generationConfig}{thinkingConfig} : $b->{thinking}),
	    "$p: not asked for by default");
	is($b->{messages}[1]{content}[0]{signature}, 'sig-1',
	    'thinking goes back signed') if $p eq 'anthropic';
}

sub tools
{
	$llm->script({ text => 'Look.', tools => [
	    { name => 'bash', split => 1, input =>
		{ command => 'echo "the one"' } },
	    { name => 'bash', split => 5, input =>
		{ command => 'echo two' } }] }, { text => 'Done.',
	    stop => 'max_tokens' });
	my $t = $e->turn('tools', 'go');
	my $b = ($llm->requests)[-1]{body};
	my $all = JSON::PP->new->encode($b);

	turn_ok($t, "$p: a turn with tools");
	is(scalar @{ $t->{tools} }, 2, "$p: two calls");
	is($t->{tools}[0]{input}{command}, 'echo "the one"',
	    "$p: input from pieces");
	is(scalar @{ $t->{usage} }, 2, "$p: usage of both calls");
	is($t->{stop_reason}, 'max_tokens', "$p: the stop reason");
	like($all, qr/ one.*two/s, "$p: results in call order");
	if ($p eq 'openai') {
		my @m = @{ $b->{messages} };

		is($m[-1]{tool_call_id}, $m[-3]{tool_calls}[1]{id},
		    'openai: ids of calls and results agree');
	} elsif ($p eq 'anthropic') {
		my @m = @{ $b->{messages} };

		is($m[-1]{content}[1]{tool_use_id}, $m[-2]{content}[2]{id},
		    'anthropic: ids of calls and results agree');
	} else {
		is($b->{contents}[-1]{parts}[1]{functionResponse}{name},
		    'bash', 'gemini: results by name');
	}
	# A reply of a tool call whose input is no JSON.
	if ($p ne 'gemini') {
		$llm->script({ tools => [{ name => 'bash', input =>
		    '{"command": "ec' }] }, 'Sorry.');
		$t = $e->turn('badtool', 'go');
		turn_ok($t, "$p: an input that is no JSON");
		is($t->{results}[0]{error}, 'invalid_input',
		    "$p: is a tool error");
	}
}

my $png = 'iVBORw0KGgo=';

sub medium
{
	my ($type, $mime, $data) = @_;

	return { type => $type, source => { type => 'base64',
	    media_type => $mime, data => $data } };
}

sub media
{
	my $t = $e->turn('media', 'see', media => [
	    medium('image', 'image/png', $png),
	    medium('document', 'application/pdf', 'JVBERi0xLjQ='),
	    medium('document', 'text/plain', 'aGVsbG8gdGV4dA==')]);
	my $parts = last_user(($llm->requests)[-1]{body});
	my $all = JSON::PP->new->canonical->encode($parts);

	turn_ok($t, "$p: image and documents");
	is(scalar @$parts, 4, "$p: go along with the text");
	like($all, qr/\Q$png\E/, "$p: the image");
	like($all, qr/JVBERi0xLjQ=/, "$p: the PDF");
	like($all, qr/hello text|aGVsbG8gdGV4dA==/, "$p: the text");
	my $url = { type => 'image', source => { type => 'url',
	    url => 'https://example.org/a.png' } };

	$t = $e->turn('mediaurl', 'see', media => [$url]);
	turn_ok($t, "$p: an image by URL");
	like(JSON::PP->new->canonical->encode(last_user(
	    ($llm->requests)[-1]{body})), qr{example\.org/a\.png},
	    "$p: is handed on");
	my $n = count();
	my $r = $e->post('/execute', { task_id => 'audio', message => 'hear',
	    media => [medium('audio', 'audio/wav', 'UklGRg==')] });

	if ($p eq 'anthropic') {
		error_is($r, 422, 'VALIDATION_ERROR', "$p: no audio");
		is(count(), $n, "$p: and no call");
		error_is($e->get('/tasks/audio'), 404, 'TASK_NOT_FOUND',
		    "$p: and no task");
	} else {
		is($r->{status}, 200, "$p: audio");
		like(JSON::PP->new->encode(last_user(
		    ($llm->requests)[-1]{body})), qr/UklGRg==/,
		    "$p: goes along");
	}
	return if $p ne 'openai';
	for my $type (qw(document audio)) {
		$n = count();
		$url->{type} = $type;
		error_is($e->post('/execute', { task_id => "u$type",
		    message => 'x', media => [$url] }), 422,
		    'VALIDATION_ERROR', "$p: no $type by URL");
		is(count(), $n, "$p: and no call");
	}
}

sub refusals
{
	my $t;

	for my $status (400, 401, 403, 404) {
		$t = fails('LLM_PROVIDER_ERROR', "HTTP $status",
		    { status => $status });
		is($t->{calls}, 1, "$p: $status is not tried again");
		is($t->{error}{details}{http_status}, $status,
		    "$p: the status is told");
		like($t->{error}{message}, qr/said the script/,
		    "$p: and the provider's words");
	}
	$t = fails('LLM_PROVIDER_ERROR', 'an echoed key', { status => 400,
	    body => { error => { message => "no such key: $KEY" } } });
	is(health()->{status}, 'degraded', "$p: degraded after a failure");
	is(health()->{subsystems}{llm_provider}, 'error', "$p: by the model");
	turn_ok($e->turn('good', 'x'), "$p: a good turn");
	is(health()->{status}, 'ok', "$p: ok after a good one");

	for my $status (500, 503, 529) {
		my $n = count();

		$llm->script({ status => $status }, 'Better.');
		$t = $e->turn("r$status", 'x');
		turn_ok($t, "$p: $status is tried again");
		is($t->{text}, 'Better.', "$p: and then good");
		is(count() - $n, 2, "$p: in two calls");
	}
	$t = fails('LLM_PROVIDER_ERROR', 'HTTP 500 for good',
	    { status => 500, times => 0 });
	is($t->{calls}, 2, "$p: LLM_MAX_RETRIES 1: two calls");
	$llm->script;
	turn_ok($e->turn('good', 'x'), "$p: a good turn");
}

sub rate_limits
{
	my $t = fails('LLM_RATE_LIMITED', '429 with seconds',
	    { status => 429, retry_after => 75, times => 0 });

	is($t->{error}{details}{retry_after}, 75, "$p: the seconds");
	is($t->{calls}, 1, "$p: a long wait is left to the client");
	is(health()->{status}, 'ok', "$p: a rate limit is no failure");
	$t = fails('LLM_RATE_LIMITED', '429 with a date', { status => 429,
	    retry_after => September::MockLLM::http_date(time + 90),
	    times => 0 });
	ok($t->{error}{details}{retry_after} >= 85 &&
	    $t->{error}{details}{retry_after} <= 91, "$p: a date in seconds");
	my $n = count();

	$llm->script({ status => 429, retry_after => 1 }, 'Now.');
	my $from = time;

	$t = $e->turn('wait', 'x');
	turn_ok($t, "$p: a short wait is waited");
	my $took = time - $from;

	ok($took >= 1, "$p: as long as was said");
	is(count() - $n, 2, "$p: then tried again");
	$t = fails('LLM_RATE_LIMITED', '429 with nonsense', { status => 429,
	    retry_after => 'soon', times => 0 });
	is($t->{error}{details}{retry_after}, undef, "$p: nothing is known");
}

sub faults
{
	my @words = map { "w$_ " } 1 .. 20;
	my $t;

	for my $c (['hang_head', 'LLM_TIMEOUT', 2], ['hang_mid',
	    'LLM_TIMEOUT', 1], ['cut_mid', 'LLM_PROVIDER_ERROR', 1],
	    ['reset_mid', 'LLM_PROVIDER_ERROR', 1],
	    ['garbage', 'LLM_PROVIDER_ERROR', 2],
	    ['wrong_type', 'LLM_PROVIDER_ERROR', 2],
	    ['error_mid', 'LLM_PROVIDER_ERROR', 1],
	    ['bad_json', 'LLM_PROVIDER_ERROR', 1],
	    ['empty', 'LLM_PROVIDER_ERROR', 2],
	    ['huge', 'LLM_PROVIDER_ERROR', 1],
	    ['no_end', 'LLM_PROVIDER_ERROR', 1]) {
		my ($fault, $code, $calls) = @$c;

		# Anthropic and OpenAI say why they stopped before the end.
		next if $fault eq 'no_end' && $p ne 'gemini';
		$t = fails($code, $fault, { text => \@words, times => 0,
		    fault => $fault, size => 24 << 20 });
		is($t->{calls}, $calls, "$p: $fault: $calls calls");
		is($t->{text} ne '' ? 1 : 0, $calls == 1 ? 1 : 0,
		    "$p: $fault: repeated only where nothing was streamed");
		is(health()->{status}, 'degraded', "$p: $fault: degraded");
	}
	# Before anything was streamed the same is repeated.
	for my $fault (qw(cut_mid error_mid bad_json)) {
		my $n = count();

		$llm->script({ text => \@words, fault => $fault,
		    after => 0 }, 'Fine.');
		$t = $e->turn("early-$fault", 'x');
		turn_ok($t, "$p: $fault at once: tried again");
		is($t->{text}, 'Fine.', "$p: $fault at once: then good");
		is(count() - $n, 2, "$p: $fault at once: two calls");
	}
	$llm->script({ text => \@words, fault => 'cut_mid' }, 'After.');
	$t = $e->turn('broken', 'x');
	ok($t->{errored}, "$p: a turn is cut");
	$t = $e->turn('broken', 'y');
	turn_ok($t, "$p: the thread goes on after a failed turn");
	is($t->{text}, 'After.', "$p: well");
	# Bytes as a slow, careless network has them.
	$llm->script({ text => "\x{e4}\x{1f600} b\x{2028} c", pieces => 1 });
	$t = $e->turn('bytes', 'x');
	turn_ok($t, "$p: a reply byte by byte");
	is($t->{text}, "\x{e4}\x{1f600} b\x{2028} c", "$p: is whole");
}

sub fallback
{
	my $n = count();

	$e->stop(name => "$p: ends well");
	$e->launch(FALLBACK_MODEL => "$model{$p}-spare");
	$llm->script({ status => 503, times => 2 }, 'Spare.');
	my $t = $e->turn('fall', 'x');
	my @r = requests_after($n);

	turn_ok($t, "$p: FALLBACK_MODEL");
	is($t->{text}, 'Spare.', "$p: answers");
	is(join(' ', map { $_->{body}{model} //
	    ($_->{path} =~ m{models/([^:]+):}) } @r),
	    "$model{$p} $model{$p} $model{$p}-spare",
	    "$p: after the retries of the first");
	like($t->{usage}[0]{model}, qr/-spare/, "$p: usage names it");
	$n = count();
	$llm->script({ text => [map { "w$_ " } 1 .. 20],
	    fault => 'cut_mid' });
	$t = $e->turn('fall', 'y');
	is($t->{error}{error}, 'LLM_PROVIDER_ERROR', "$p: a cut reply fails");
	is(count() - $n, 1, "$p: without the fallback");
}

for (@ARGV ? @ARGV : qw(openai anthropic gemini)) {
	$p = $_;
	$llm = September::MockLLM->start({ key => $KEY });
	$e = September->start(catalog => 'none', llm => $llm, provider => $p,
	    stalls => 1, env => { LLM_MODEL => $model{$p},
	    LLM_MAX_RETRIES => 1, LLM_TIMEOUT_SECONDS => 1,
	    ENGINE_LOG_LEVEL => 'DEBUG' });
	plain_turns();
	thinking();
	tools();
	media();
	refusals();
	rate_limits();
	faults();
	fallback();
	unlike(slurp($e->{log}), qr/\Q$KEY\E/, "$p: no key in the log");
	$e->stop;
	# A key that the provider refuses.
	$e->launch(LLM_API_KEY => 'wrong-key-9876543210');
	my $t = $e->turn('key', 'x');

	is($t->{error}{error}, 'LLM_PROVIDER_ERROR', "$p: a wrong key");
	$e->stop;
	$llm->stop;
}
done_testing;
