#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# settings.t - every setting that the source reads is in the manual, and
# every setting of the manual is known to the source or marked as not yet used.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use JSON::PP;
use Lint;
use Test::More;

alarm 60;

# Names in the option table, getenv() and config_get(), secrets of manifests.
sub read_names {
	my ($root) = @_;
	my %name;
	for my $file (files($root, qr/\.c$/, 'core', 'plugins')) {
		my $text = slurp("$root/$file");
		$name{$_} = $file for $text =~
		    /(?:\bOPT_\w+|\bgetenv|\bconfig_get)\s*\((?:\w+,\s*)?
		    "([A-Z][A-Z0-9_]+)"/gx;
		# Names in lists of their own.
		$name{$_} = $file for map { /"([A-Z][A-Z0-9_]+)"/g }
		    $text =~ /\bflags_only\[\]\s*=\s*\{(.*?)\}/sg;
	}
	for my $file (files($root, qr/\.json$/, 'plugins')) {
		my $m = eval { decode_json(slurp("$root/$file")) } or next;
		next unless ref $m eq 'HASH';
		$name{$_} = $file for @{$m->{secrets} // []};
	}
	return %name;
}

# Names of the manual, and those below the heading of what is not used.
sub manual_names {
	my ($root) = @_;
	my $man = slurp("$root/core/dist/man/september-engine.env.5");
	my ($used, $later) = split /^\.Ss Accepted, not yet used$/m, $man;
	my @names = map { [map { /Ev (\S+)/g } $_ =~ /^(\.It Ev .*)$/mg] }
	    $used, $later // '';
	return @names;
}

sub check {
	my ($root) = @_;
	my %read = read_names($root);
	my ($used, $later) = manual_names($root);
	my %told = map { $_ => 1 } @$used, @$later;
	my @bad = map { "$_ ($read{$_}) is not in the manual" }
	    grep { !$told{$_} } sort keys %read;
	push @bad, map { "$_ is in the manual, nothing reads it" }
	    grep { !$read{$_} } @$used;
	return @bad;
}

{
	my $dir = sample('core/a.c' => 'OPT_INT("A_B", x); getenv("C_D");' .
	    'config_get(c, "E_F"); config_get(c, name);' .
	    'char *flags_only[] = { "G_H", };',
	    'plugins/x/x.json' => '{"secrets":["I_J"]}',
	    'core/dist/man/september-engine.env.5' =>
	    ".It Ev A_B , Ev K_L\n.Ss Accepted, not yet used\n.It Ev M_N\n");
	my @bad = check("$dir");
	complains(qr/^$_ \(.*not in the manual/, "$_ is missing", @bad)
	    for qw(C_D E_F G_H I_J);
	complains(qr/^K_L is in/, 'a setting that is not read', @bad);
	is(scalar @bad, 5, 'self-test: and nothing else');
}

my $root = srcdir();
my %read = read_names($root);
cmp_ok(scalar(keys %read), '>', 20, 'settings are found');
clean('settings and manual agree', check($root));
done_testing();
