#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Credentials in what a model writes, in tool inputs and outputs, and in the
# log are covered; the tool itself gets what the model wrote.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use September;
use Test::More;

alarm 120;
my $llm = September::MockLLM->start;
my $e = September->start(catalog => 'none', llm => $llm, stalls => 1);
# Made up here, so that no scanner takes the source for a leak.
my $tail = 'Zq7' . 'x1Y2w3V4u5T6' x 4;
my %key = (openai => 'sk-' . $tail, anthropic => 'sk-ant-' . $tail,
    google => 'AIza' . substr($tail, 0, 35), aws => 'AKIA' .
    'ABCDEFGHIJKLMNOP', github => 'ghp_' . $tail, gitlab => 'glpat-' .
    $tail, slack => 'xoxb-' . $tail, jwt => "eyJ$tail.eyJ$tail.$tail");
my $pem = "-----BEGIN PRIVATE KEY-----\n" . "MIIEvQ$tail\n" x 3 .
    "-----END PRIVATE KEY-----";

# One test: nothing of the secret but its beginning is in the text.
sub covered
{
	my ($text, $secret, $name) = @_;
	my $body = substr $secret, 12;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(index($text, $body) < 0 && index($text, substr $body, 0, 16) < 0,
	    $name) or diag($text);
}

for my $k (sort keys %key) {
	my $secret = $key{$k};
	my @piece = ("The key is\n", substr($secret, 0, 2),
	    substr($secret, 2, 9), substr($secret, 11), "\nUse it.");

	$llm->script({ text => join('', @piece) }, { text => \@piece });
	my $t = $e->turn("text-$k", 'x');

	turn_ok($t, "$k: a turn");
	covered($t->{stream}{raw}, $secret, "$k: in the text");
	like($t->{text}, qr/\AThe key is\n\S+\*\*\*\S*\nUse it\.\z/,
	    "$k: and the rest is there");
	$t = $e->turn("split-$k", 'x');
	covered($t->{text}, $secret, "$k: split over deltas");
	like($t->{text}, qr/\AThe key is\n\S+\*\*\*\S*\nUse it\.\z/,
	    "$k: and the rest is there");
	my $r = $e->replay(task_id => "split-$k");

	$r->all;
	covered(September::digest($r)->{text}, $secret, "$k: in the replay");
}

# Thinking; a private key, whole and in pieces.
$llm->script({ text => "One\n$pem\nafter" },
    { text => ["One\n", $pem =~ /(.{1,7})/gs, "\nafter"] },
    { thinking => ["hm sk-", "$tail ."], text => 'x' });
my $t = $e->turn('pem', 'x');
turn_ok($t, 'a private key');
covered($t->{stream}{raw}, "-----BEGIN MIIEvQ$tail", 'is covered');
like($t->{text}, qr/\AOne\n-----BEGIN.*after\z/s, 'and the rest is there');
$t = $e->turn('pem', 'x');
turn_ok($t, 'a private key in pieces');
covered($t->{text}, "123456789012MIIEvQ$tail", 'is covered');
unlike($t->{text}, qr/\Q$tail\E|x1Y2w3V4/, 'every line of it');
like($t->{text}, qr/\AOne\n-----BEGIN.*END PRIVATE KEY-----\nafter\z/s,
    'and the rest is there');
$t = $e->turn('think', 'x');
covered($t->{thinking}, "sk-$tail", 'in thinking');

# Tools: the input as shown, what the tool got, the output, the next request.
for my $k (qw(anthropic github google)) {
	my $secret = $key{$k};

	$llm->script({ tools => [{ name => 'bash', input => { command =>
	    "printf 'a\\n%s\\tb\\n' '$secret' | tee got-$k" } }] }, 'ok',
	    { tools => [{ name => 'bash', input => {
	    command => "printf '\\n$secret'; echo; wc -c < got-$k" } }] },
	    'ok');
	$t = $e->turn('tools', 'x');
	turn_ok($t, "$k: a turn with a tool");
	covered($t->{stream}{raw}, $secret, "$k: in input and output");
	like($t->{results}[0]{output}, qr/a\n\S+\*\*\*+\tb/,
	    "$k: the output is there");
	like(JSON::PP->new->encode(($llm->requests)[-1]{body}),
	    qr/\Q$secret\E/, "$k: the model gets the original");
	$t = $e->turn('tools', 'x');
	covered($t->{stream}{raw}, $secret, "$k: at the start of a line");
	my $size = length($secret) + 5;

	like($t->{results}[0]{output}, qr/\b$size\b/,
	    "$k: the tool had the original");
}

# An error's text, a task id: whatever is logged.
$llm->script({ status => 400, body => { error => { message =>
    "bad key:\n$key{openai}" } } });
$t = $e->turn("log", 'x');
covered($t->{stream}{raw}, $key{openai}, 'in an error');
$e->turn("task $key{anthropic}", 'x');
$llm->script({ status => 400 });
$e->turn("task $key{anthropic}", 'x');
$e->stop;
my $log = slurp($e->{log});
like($log, qr/bad key/, 'the failure is logged');
covered($log, $key{$_}, "$_: not in the log") for sort keys %key;
done_testing;
