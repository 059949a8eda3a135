#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# tree.t - what is in the tree and in its distribution.
#
# No generated file under version control, no path of somebody's machine, no
# registry's host name, every file of ours in the distribution, and a
# configure that keeps quiet about the folder named core.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Lint;
use Test::More;

alarm 180;

my $root = srcdir();
my $build = builddir();
my $make = $ENV{MAKE} // 'make';

my $GENERATED = qr{(?:^|/)(?:Makefile\.in|configure|config\.(?:h|h\.in|log|status)
    |aclocal\.m4|libtool|ltmain\.sh|stamp-h1|\.dirstamp)$
    |(?:^|/)(?:autom4te\.cache|build-aux|\.deps|\.libs)/
    |^Makefile$|^m4/l(?:t|ibtool)[^/]*\.m4$
    |\.(?:o|lo|la|a|so|log|trs|pc|gcda|gcno|orig|rej|swp|pyc)$|~$
    |\.tar\.\w+$}x;

sub check_generated {
	return map { "$_: is generated" } grep { $_ =~ $GENERATED } @_;
}

# Folders that exist on one machine only. System folders are not among them.
my $MACHINE = do {
	my $who = qr{(?!user\b|you\b|me\b|name\b)[a-z][\w.-]*};
	qr{(?<![\w.\$\}/-])(/home/$who/|/Users/$who/|/[r]oot/|/[w]ork/|/[m]nt/
	    |[A-Z]:\\Users\\)}x;
};

# Hosts of package registries; in pieces, as this file is checked too.
my $REGISTRY = do {
	my @hosts = (['pypi', 'org'], ['pythonhosted', 'org'],
	    ['npmjs', 'org'], ['npmjs', 'com'], ['crates', 'io'],
	    ['rubygems', 'org'], ['proxy.golang', 'org'],
	    ['hub.docker', 'com'], ['docker', 'io'], ['repo1.maven', 'org'],
	    ['metacpan', 'org'], ['cpan', 'org'],
	    ['yarnpkg', 'com'], ['nuget', 'org'], ['conda', 'io'],
	    ['deb.debian', 'org']);
	my $any = join '|', map { quotemeta join '.', grep { length } @$_ }
	    @hosts;
	qr/(?<![\w-])(?:[\w-]+\.)*($any)\b/;
};

sub check_text {
	my ($file, $text) = @_;
	my ($no, @bad) = (0);
	return if $text =~ /\0/;
	for (split /\n/, $text) {
		$no++;
		push @bad, "$file:$no: path of a machine: $1" if $_ =~ $MACHINE;
		push @bad, "$file:$no: registry: $1" if $_ =~ $REGISTRY;
	}
	return @bad;
}

# check_dist([FILES], [DISTRIBUTED]): what is not distributed; a folder in the
# distribution covers what is below it.
sub check_dist {
	my ($files, $dist) = @_;
	my %dist = map { $_ => 1 } @$dist;
	return map { "$_: not in the distribution" } grep {
		my ($f, $p) = ($_, $_);
		my $in = $dist{$f};
		$in ||= $dist{$p} while !$in && $p =~ s{/[^/]*$}{};
		!$in;
	} @$files;
}

# The distribution as make knows it, relative to the top of the source.
sub dist_list {
	my ($st, $out) = capture($make, '-s', '-C', $build, 'list-dist');
	return if $st != 0;
	my ($top) = $out =~ /^srcdir (.*)$/m;
	return unless defined $top;
	my @list;
	for (split ' ', $out =~ s/^srcdir .*$//mr) {
		s{^\Q$top\E/}{};
		s{^\./}{};
		push @list, $_;
	}
	return @list;
}

sub check_configure {
	my ($text) = @_;
	return map { "configure: $_" } grep { /cannot remove/ }
	    split /\n/, $text;
}

complains(qr/^$_: is gen/, "generated: $_", check_generated($_)) for
    'configure', 'Makefile.in', 'core/a.o', 'm4/libtool.m4', 'x/.deps/a.Po',
    'build-aux/compile', 'core/a.c~', 'september-engine-1.tar.xz';
clean('self-test: sources are not generated', check_generated(
    'Makefile.am', 'configure.ac', 'core/a.c', 't/bench/Makefile',
    'm4/core-dir.m4', 'sdk/september-plugin.pc.in'));
complains(qr/a:2: path/, "a machine's path: $_", check_text('a', "\nx $_/b"))
    for '/home' . '/ann', '/root' . '/x', '/work' . '/main',
    '/Users' . '/ann';
complains(qr/a:1: registry/, "a registry: $_", check_text('a', "$_/x"))
    for 'https://pypi' . '.org', 'registry.npmjs' . '.org',
    'static.crates' . '.io';
clean('self-test: other paths', check_text('a', "/usr/lib /home/user/x " .
    "\$HOME/work/x a/root/b /tmp/x t/home/ann/x"));
complains(qr/core\/b.c: not in/, 'a file left out', check_dist(
    ['core/a.c', 'core/b.c'], ['core/a.c']));
clean('self-test: a folder covers its files', check_dist(
    ['t/corpus/x/y'], ['t/corpus']));
complains(qr/cannot remove/, "configure's noise",
    check_configure("rm: cannot remove 'core': Is a directory\n"));

my @tracked = tracked($root);
SKIP: {
	skip 'NOT CHECKED: the source is no git checkout, or there is no git',
	    3 unless @tracked;
	clean('nothing generated is under version control',
	    check_generated(@tracked));
	clean("no machine's path and no registry in it",
	    map { -f "$root/$_" && !-l "$root/$_" ?
	    check_text($_, slurp("$root/$_")) : () } @tracked);
	my @dist = dist_list();
	SKIP: {
		skip "NOT CHECKED: $build has no Makefile", 1 unless
		    -f "$build/Makefile";
		cmp_ok(scalar @dist, '>', 50, 'make list-dist');
		clean('every file is in the distribution', check_dist(
		    [grep { m{^(?:core|plugins|sdk|catalog|t|m4)/} &&
		    !m{(?:^|/)\.gitignore$} } @tracked], \@dist));
	}
}
# The function that keeps configure from saying so, in a folder like ours.
SKIP: {
	skip 'NOT CHECKED: there is no configure', 4
	    unless -f "$root/configure";
	my $text = slurp("$root/configure");
	my ($rm) = $text =~ /^(rm \(\)\n\{\n.*?^\}\n)/ms;
	ok(defined $rm, "configure has an rm that knows core") or last;
	ok(index($text, $rm) < index($text, 'confdefs.h'),
	    'and defines it before anything is tried');
	my $dir = sample('core/x' => '', 'a b' => '', 'c' => '', 't.sh' =>
	    "cd \"\$1\" || exit\n" . $rm . "rm -f core 'a b' c\n" .
	    "rm -f core\n");
	my ($st, $out) = capture('/bin/sh', "$dir/t.sh", "$dir");
	is("$st $out", '0 ', 'it says nothing');
	ok(-f "$dir/core/x" && !-e "$dir/a b" && !-e "$dir/c",
	    'it removes what is not the folder');
}
SKIP: {
	my $out = "$build/configure.out";
	skip "NOT CHECKED: no $out", 1 unless -f $out;
	clean('configure was quiet about core', check_configure(slurp($out)));
}
done_testing();
