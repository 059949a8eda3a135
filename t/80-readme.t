#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The README's examples do what it says. A block of shell after a comment
# <!-- run: REGEX --> is run against an engine; what it prints must match.
use strict;
use warnings;
use September;
use Test::More;

alarm 300;

my $top = September::srcdir();
my $readme = slurp("$top/README.md");

# [regex, script] of each marked block.
sub blocks
{
	my ($text) = @_;
	my @found;

	push @found, [$1, $2] while $text =~
	    /^<!-- run: (.*?) -->\n```sh\n(.*?)^```$/msg;
	return @found;
}

is_deeply([blocks("a\n<!-- run: x y -->\n```sh\nls\nls\n```\n```sh\nno\n```\n")],
    [['x y', "ls\nls\n"]], 'marked blocks are found');
my @blocks = blocks($readme);
is(scalar @blocks, scalar(() = $readme =~ /^```sh$/mg),
    'every shell block is run');
cmp_ok(scalar @blocks, '>=', 5, 'there are some');

# The settings it tells are settings.
my $man = slurp("$top/core/dist/man/september-engine.env.5");
for my $name (sort keys %{ { map { $_ => 1 }
    $readme =~ /^    ([A-Z][A-Z_]+)=/mg } }) {
	like($man, qr/\bEv \Q$name\E\b/, "$name is a documented setting");
}

SKIP: {
	skip 'NOT CHECKED: no curl here', 1 + @blocks
	    unless grep { -x "$_/curl" } split /:/, $ENV{PATH};
	# How long plugins take to start is for other tests to judge.
	my $e = September->start(stalls => 1);
	my $end = time + 20;

	# The catalog may still be loading.
	select undef, undef, undef, 0.05
	    while $e->get('/health')->{status} != 200 && time < $end;
	for (@blocks) {
		my ($want, $script) = @$_;
		local %ENV = (PATH => $ENV{PATH}, KEY => $e->{key},
		    ENGINE => "http://127.0.0.1:$e->{port}",
		    HOME => $e->{dir});
		open my $p, '-|', '/bin/sh', '-euc', "exec 2>&1\n$script" or
		    die "sh: $!\n";
		my $out = do { local $/; <$p> } // '';
		close $p;
		like($out, qr/$want/m, (split /\n/, $script)[0]);
	}
	$e->stop;
}
done_testing();
