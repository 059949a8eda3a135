#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What every route has in common: the key, errors, request ids, limits of the
# body, unknown paths and methods; and /health.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use September;
use Test::More;

alarm 120;
my $e = September->start(catalog => 'none');

my $h = $e->get('/health', key => undef);
is($h->{status}, 200, '/health needs no key');
is($h->{json}{status}, 'ok', 'and says ok');
like($h->{json}{uptime_seconds}, qr/^\d+(\.\d+)?$/, 'uptime');
is($h->{json}{subsystems}{$_}, 'ok', "subsystem $_")
    for qw(database llm_provider asset_directory);
like($h->{headers}{'content-type'}, qr{^application/json}, 'as JSON');
ok($h->{headers}{'x-request-id'}, 'with a request id');
is($e->get('/health', headers => { 'X-Request-Id' => 'abc-1' })
    ->{headers}{'x-request-id'}, 'abc-1', 'the client may choose it');

# The key comes before everything else.
for my $k (undef, '', 'wrong', 'test-ke', 'test-keyx', "\xff\xfe") {
	my $name = defined $k ? "key '" . ($k =~ s/[^ -~]/?/gr) . "'" : 'no key';

	error_is($e->get('/tasks', key => $k), 401, 'INVALID_KEY', $name);
	error_is($e->request(POST => '/execute', key => $k, body => '{nonsense'), 401,
	    'INVALID_KEY', "$name: before the body");
	error_is($e->get('/nowhere', key => $k), 401, 'INVALID_KEY',
	    "$name: before the path");
}
error_is($e->post('/health', {}, key => undef), 401, 'INVALID_KEY',
    'only GET /health is open');
isnt($e->get('/assets/oauth/callback?code=x&state=y', key => undef)
    ->{status}, 401, "the browser's callback is open");

error_is($e->get('/nowhere'), 404, 'NOT_FOUND');
error_is($e->get('/tasks/x/y/z'), 404, 'NOT_FOUND');
my $r = $e->post('/tasks', {});
error_is($r, 405, 'METHOD_NOT_ALLOWED');
is($r->{headers}{allow}, 'GET', 'Allow says what the path takes');
$r = $e->post('/tasks/x', {});
is_deeply([sort split /, /, $r->{headers}{allow}], ['DELETE', 'GET'],
    'all of it');

# Bodies
for my $bad ('', '{', '[]', '"x"', 'null', '{"task_id":"a","task_id":"b"}',
    "{\"message\":\"\xff\"}", "{\"message\":\"a\\u0000b\",\"task_id\":\"t\"}",
    '{"message":"\ud800","task_id":"t"}', '{"a":1}x', "\0", '{"a":01}',
    '{"a":1e999}', '{"a":' . '9' x 400 . '}',
    '[' x 100_000, '{"a":' x 65 . '1' . '}' x 65, '{a:1}', "{'a':1}") {
	my $show = substr($bad, 0, 30) =~ s/[^ -~]/?/gr;

	error_is($e->request(POST => '/execute', body => $bad), 400, 'BAD_REQUEST',
	    "body $show");
}
my $deep = '{"task_id":"deep","message":"hi","x":' . '[' x 62 . ']' x 62 . '}';
is($e->request(POST => '/execute', body => $deep)->{status}, 200, '63 levels are fine');

my $e2 = September->start(catalog => 'none',
    env => { ENGINE_MAX_BODY_BYTES => 10_000 });
error_is($e2->request(POST => '/execute', body => 'x' x 10_001), 413, 'BODY_TOO_LARGE');
error_is($e2->request(POST => '/execute', body => 'x' x 10_001, key => 'no'), 401,
    'INVALID_KEY', 'the key comes before the size');
error_is($e2->request(POST => '/execute', body => 'x' x 10_000), 400, 'BAD_REQUEST',
    'at the limit it is read');
$e2->stop;

my $o = $e->get('/openapi.json')->{json};
is($o->{openapi}, '3.1.0', 'the interface describes itself');
ok($o->{paths}{'/execute'}{post}, 'with its paths');
my $m = $e->get('/metrics');
like($m->{body}, qr/^september_turns_started_total \d+$/m, 'metrics');
like($m->{headers}{'content-type'}, qr{^text/plain}, 'as text');

# Parts that come later say so, with the flat error object.
for my $p (['GET', '/hitl/pending'], ['POST', '/hitl/respond'],
    ['GET', '/assets/servers'], ['POST', '/memory/import'],
    ['GET', '/memory/export'], ['POST', '/admin/lc/trigger']) {
	error_is($e->request($p->[0], $p->[1],
	    $p->[0] eq 'POST' ? (json => {}) : ()), 501, 'NOT_IMPLEMENTED',
	    "$p->[0] $p->[1]");
}
$e->stop;

# Start: one line that names the variable.
for my $c ([{ ENGINE_API_KEY => undef }, 'ENGINE_API_KEY'],
    [{ ENGINE_KEY_HASH => 'a' x 64 }, 'ENGINE_API_KEY'],
    [{ ENGINE_PORT => 'x' }, 'ENGINE_PORT'],
    [{ LLM_MAX_RETRIES => -1 }, 'LLM_MAX_RETRIES'],
    [{ STOP_HOOKS_ENABLED => 'yes' }, 'STOP_HOOKS_ENABLED'],
    [{ ALLOWED_ROOTS => 'x' }, 'ALLOWED_ROOTS'],
    [{ ENGINE_LOG_LEVEL => 'LOUD' }, 'ENGINE_LOG_LEVEL']) {
	my $f = September->refuse(catalog => 'none', env => $c->[0]);

	isnt($f->{status}, 0, "$c->[1]: does not start");
	my @lines = grep { /\S/ } split /\n/, $f->{stderr};
	is(scalar @lines, 1, 'one line');
	like($lines[0], qr/\b$c->[1]\b/, 'with the name');
}
done_testing;
