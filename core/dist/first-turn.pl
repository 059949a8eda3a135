#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# first-turn.pl PORT KEYFILE MESSAGE - runs one turn on a local engine and
# prints its stream the way a person likes to read it. Exit 0 when the turn
# completed.
use strict;
use warnings;
use IO::Socket::INET;
use JSON::PP;

my ($port, $keyfile, $message) = @ARGV;
die "usage: first-turn.pl PORT KEYFILE MESSAGE\n" unless defined $message;
open my $kf, '<', $keyfile or die "$keyfile: $!\n";
chomp(my $key = <$kf>);
close $kf;
binmode STDOUT, ':encoding(UTF-8)';
$| = 1;
my $json = JSON::PP->new->utf8->canonical;

# Plugins and catalog may still be loading.
my $sock;
for my $try (1 .. 100) {
	$sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
	    PeerPort => $port, Timeout => 5) or die "cannot connect: $!\n";
	my $body = $json->encode({ task_id => "quickstart-$$-" . time,
	    message => $message });
	print $sock "POST /execute HTTP/1.1\r\nHost: 127.0.0.1\r\n",
	    "X-Engine-Key: $key\r\nContent-Type: application/json\r\n",
	    'Content-Length: ', length $body, "\r\nConnection: close\r\n\r\n",
	    $body;
	my $status = <$sock> // die "no reply\n";
	last if $status =~ / 200 /;
	die "the engine answered: $status" if $status !~ / 503 / ||
	    $try == 100;
	select undef, undef, undef, 0.1;
}
while (<$sock>) { last if /^\r?\n$/ }

print "\n> $message\n\n";
my ($event, $done, $in_text) = ('', 0, 0);
while (my $line = <$sock>) {
	$line =~ s/\r?\n$//;
	$event = $1 if $line =~ /^event: (.*)/;
	next unless $line =~ /^data: (.*)/;
	show($event, $json->decode($1));
}
print "\n";
exit($done ? 0 : 1);

sub line_of {
	my ($text) = @_;
	print "\n" if $in_text;
	$in_text = 0;
	print $text, "\n";
}

sub show {
	my ($type, $p) = @_;
	if ($type eq 'text_delta') {
		print $p->{text};
		$in_text = 1;
	} elsif ($type eq 'tool_call') {
		line_of("  [calls $p->{tool} " . $json->encode($p->{input}) .
		    ']');
	} elsif ($type eq 'tool_result') {
		my $out = $p->{output};
		$out =~ s/\n+$//;
		$out =~ s/^/    | /mg;
		line_of($out) if length $out;
		line_of("  [$p->{tool} " . ($p->{error} ?
		    "failed: $p->{error}" : 'done') .
		    " in $p->{duration_ms} ms]");
	} elsif ($type eq 'error') {
		line_of("error: $p->{error}: $p->{message}");
	} elsif ($type eq 'thread_lifecycle' && $p->{phase} ne 'started') {
		line_of("\n  [turn $p->{turn_id} $p->{phase}" .
		    ($p->{stop_reason} ? ": $p->{stop_reason}" : '') . ']');
		$done = $p->{phase} eq 'completed';
	}
}
