#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# symbols.t - a plugin exports september_plugin_v1 and nothing else; the
# daemon exports nothing of ours, so that no plugin can bind to it by accident.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Lint;
use Test::More;

alarm 120;

my $ENTRY = 'september_plugin_v1';
my $build = builddir();
my $make = $ENV{MAKE} // 'make';
my $cc = $ENV{CC} // 'cc';

plan skip_all => 'no nm here' unless have('nm');

# What a shared object or program defines for others.
sub exported {
	my ($file) = @_;
	my ($st, $out) = capture('nm', '-D', '--defined-only', '--', $file);
	return ("!nm: $out") if $st != 0;
	return map { /^\S*\s+\S\s+([^\s@]+)/ ? $1 : () } split /\n/, $out;
}

sub check_plugin {
	my ($file) = @_;
	return "$file: not built" unless -f $file;
	my @sym = exported($file);
	my @bad = map { "$file: exports $_" } grep { $_ ne $ENTRY } @sym;
	push @bad, "$file: does not export $ENTRY"
	    unless grep { $_ eq $ENTRY } @sym;
	return @bad;
}

# What the daemon is made of: the global names of these objects.
sub our_names {
	my ($st, $out) = capture('nm', '-g', '--defined-only', '--', @_);
	return map { /^\S+\s+[A-Z]\s+(\S+)$/ ? ($1 => 1) : () }
	    split /\n/, $out;
}

sub check_daemon {
	my ($file, %ours) = @_;
	return "$file: not built" unless -f $file;
	return map { "$file: exports $_" } grep { $ours{$_} || /^!nm/ }
	    exported($file);
}

SKIP: {
	skip "no C compiler: $cc", 5 unless have((split ' ', $cc)[0]);
	my $dir = sample('two.c' => "int $ENTRY(void);\nint other(void);\n" .
	    "int $ENTRY(void) { return 0; }\nint other(void) { return 1; }\n",
	    'none.c' => "static int x;\nint *f(void) " .
	    "__attribute__((visibility(\"hidden\")));\n" .
	    "int *f(void) { return &x; }\n", 'one.c' =>
	    "int $ENTRY(void);\nint $ENTRY(void) { return 0; }\n",
	    'main.c' => "int ours(void);\nint ours(void) { return 0; }\n" .
	    "int main(void) { return ours(); }\n");
	for my $n (qw(two none one)) {
		my ($st, $out) = capture(split(' ', $cc), '-shared', '-fPIC',
		    '-o', "$dir/$n.so", "$dir/$n.c");
		diag($out) if $st;
	}
	complains(qr/exports other$/, 'a second name',
	    check_plugin("$dir/two.so"));
	complains(qr/does not export $ENTRY/, 'no entry',
	    check_plugin("$dir/none.so"));
	clean('self-test: one name', check_plugin("$dir/one.so"));
	capture(split(' ', $cc), '-c', '-o', "$dir/main.o", "$dir/main.c");
	capture(split(' ', $cc), '-rdynamic', '-o', "$dir/main",
	    "$dir/main.o");
	complains(qr/exports ours$/, 'a daemon that exports',
	    check_daemon("$dir/main", our_names("$dir/main.o")));
	complains(qr/not built/, 'a plugin that is not there',
	    check_plugin("$dir/gone.so"));
}

my ($st, $out) = capture($make, '-s', '-C', $build, 'list-modules');
is($st, 0, 'make list-modules') or diag($out);
my @modules = grep { m{^plugins/} } split ' ', $out;
for (@modules) {
	my ($name) = m{^plugins/(.*)\.la$};
	clean("$name exports its entry only",
	    check_plugin("$build/plugins/.libs/$name.so"));
}
my %ours = our_names("$build/core/libcore.a",
    glob("$build/core/september_engine-*.o"));
cmp_ok(scalar(keys %ours), '>', 50, 'the names of the daemon');
clean('the daemon exports none of them',
    check_daemon("$build/september-engine", %ours));
done_testing();
