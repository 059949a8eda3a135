#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# POST /feedback, and the counters of GET /metrics.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use September;
use Test::More;

alarm 60;
my $llm = September::MockLLM->start;
my $e = September->start(catalog => 'none', llm => $llm, stalls => 1,
    env => { LLM_MAX_RETRIES => 1 });

sub metrics
{
	my $r = $e->get('/metrics');
	my %m = $r->{body} =~ /^september_(\w+) ([-+.e0-9]+)$/mg;

	return (\%m, $r);
}

my $t = $e->turn('t', 'x');
my %ok = (task_id => 't', feedback_type => 'rating');

# --- feedback
for my $c ({ rating => 5, comment => 'good' }, { rating => -0.5 },
    { feedback_type => 'correction', message_id =>
	$t->{completed}{message_id}, comment => "bl\x{e5}" },
    { feedback_type => 'error_report', more => { a => [1] } },
    { message_id => undef, rating => undef, comment => undef }) {
	my $r = $e->post('/feedback', { %ok, %$c });

	is($r->{status}, 200, 'feedback: ' . join ',', sort keys %$c);
	is($r->{json}{status}, 'recorded', 'is recorded');
	like($r->{json}{feedback_id}, qr/^fb-\w+$/, 'with an id');
}
for my $c (
    [{ task_id => undef }, 400, 'BAD_REQUEST', 'no task_id'],
    [{ feedback_type => undef }, 400, 'BAD_REQUEST', 'no feedback_type'],
    [{ feedback_type => 'praise' }, 422, 'feedback_type', 'unknown type'],
    [{ feedback_type => 7 }, 422, 'feedback_type', 'type a number'],
    [{ task_id => 7 }, 422, 'task_id', 'task_id a number'],
    [{ rating => 'five' }, 422, 'rating', 'rating a string'],
    [{ comment => [] }, 422, 'comment', 'comment an array'],
    [{ message_id => 3 }, 422, 'message_id', 'message_id a number'],
    [{ message_id => 'msg-none' }, 404, 'MESSAGE_NOT_FOUND',
	'unknown message'],
    [{ task_id => 'nope' }, 404, 'TASK_NOT_FOUND', 'unknown task']) {
	my ($more, $status, $what, $name) = @$c;
	my %b = (%ok, %$more);

	delete $b{$_} for grep { !defined $b{$_} } keys %b;
	my $r = $e->post('/feedback', \%b);

	error_is($r, $status, $status == 422 ? 'VALIDATION_ERROR' : $what,
	    "feedback: $name");
	is($r->{json}{details}{field}, $what, "feedback: $name: the field")
	    if $status == 422;
}
error_is($e->request(POST => '/feedback', body => '{"a"'), 400,
    'BAD_REQUEST', 'feedback: no JSON');
error_is($e->get('/feedback'), 405, 'METHOD_NOT_ALLOWED',
    'feedback: no GET');

# --- metrics
my ($m, $r) = metrics();
is($r->{status}, 200, 'metrics');
like($r->{headers}{'content-type'}, qr{^text/plain}, 'as text');
my @bad = grep { !/^(?:# (?:HELP|TYPE) september_\w+ .+|september_\w+ \S+)$/ }
    split /\n/, $r->{body};
is("@bad", '', 'every line has its form');
is($m->{turns_started_total}, 1, 'one turn so far');
is($m->{turns_running}, 0, 'none runs');
$llm->script({ text => 'a', usage => { input => 100, output => 50,
    cached => 30 }, tools => [{ name => 'bash', input => { command =>
    'true' } }, { name => 'nope', input => {} }] }, { text => 'b',
    usage => { input => 7, output => 3, cached => 0 } });
turn_ok($e->turn('m', 'x'), 'a turn with two tool calls');
$llm->script({ status => 400 });
ok($e->turn('m', 'x')->{errored}, 'a failed turn');
$llm->script({ status => 503 }, 'fine');
turn_ok($e->turn('m', 'x'), 'a turn with a retry');
$llm->script({ text => [map { "w$_ " } 1 .. 100], delay => 0.05 });
my $s = $e->execute({ task_id => 'm', message => 'x' });
$s->until('text_delta');
is((metrics())[0]{turns_running}, 1, 'one turn runs');
$e->post('/execute/cancel', { task_id => 'm' });
$s->all(10);
my ($n) = metrics();
my %d = map { $_ => $n->{$_} - $m->{$_} } keys %$m;
is($d{turns_started_total}, 4, 'four turns more');
is($d{turns_completed_total}, 2, 'two completed');
is($d{turns_failed_total}, 1, 'one failed');
is($d{turns_cancelled_total}, 1, 'one cancelled');
is($d{model_calls_total}, 6, 'six model calls');
is($d{model_retries_total}, 1, 'one of them again');
is($d{model_failures_total}, 2, 'two failed');
is($d{tool_calls_total}, 2, 'two tool calls');
is($d{tool_failures_total}, 1, 'one failed');
ok($d{input_tokens_total} >= 107, 'input tokens');
is($d{cache_hit_tokens_total}, 30, 'cached tokens');
ok($d{http_requests_total} >= 5, 'requests');
ok($d{journal_events_total} > 20, 'events');
is($n->{turns_running}, 0, 'none runs at the end');
error_is($e->get('/metrics', key => undef), 401, 'INVALID_KEY',
    'metrics need the key');
$e->stop;

# Feedback survives a restart as the task does.
$e->restart;
is($e->post('/feedback', { %ok, message_id => $t->{completed}{message_id} })
    ->{status}, 200, 'feedback after a restart');
$e->stop;
done_testing;
