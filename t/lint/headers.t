#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# headers.t - each public header compiles alone, as C and as C++, without a
# warning, and takes nothing of config.h or of a third party.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Lint;
use Test::More;

alarm 300;

my $CC = $ENV{CC} // 'cc';
my $CXX = $ENV{CXX} // 'c++';

sub compile {
	my ($root, $header, $lang, $std) = @_;
	my ($st, $out) = capture(split(' ', $lang eq 'c' ? $CC : $CXX), '-x',
	    $lang, "-std=$std", '-pedantic', '-Wall', '-Wextra', '-Werror',
	    '-fsyntax-only', "-I$root/sdk/include", '-include', $header,
	    '/dev/null');
	return $st == 0 ? () : "$header as $std: $out";
}

sub check_text {
	my ($root, $header) = @_;
	my $text = strip_c(slurp("$root/sdk/include/$header"));
	my @bad;
	push @bad, "$header: $1 depends on how the engine was configured"
	    if $text =~ /\b(HAVE_\w+|PACKAGE_\w+|config\.h|WITH_\w+)\b/;
	push @bad, "$header: no guard" if $text !~ /^#ifndef (\w+)\n#define \1/m;
	push @bad, "$header: no extern \"C\"" if $text =~ /\)\s*;/ &&
	    $text !~ /__cplusplus/;
	for (includes(slurp("$root/sdk/include/$header"))) {
		push @bad, "$header: includes $_->[2]"
		    unless $_->[1] eq '<' ? $C_HEADER{$_->[2]} ||
		    $_->[2] =~ m{^september/[\w-]+\.h$} :
		    $_->[2] =~ m{^[\w-]+\.h$} && $_->[2] ne 'config.h';
	}
	return @bad;
}

sub check {
	my ($root, @langs) = @_;
	my @bad;
	for my $h (map { s{^sdk/include/}{}r }
	    files($root, qr/\.h$/, 'sdk/include')) {
		push @bad, @langs ? map { compile($root, $h, @$_) } @langs :
		    check_text($root, $h);
	}
	return @bad;
}

my @c = (['c', 'c11']);
my @cxx = map { ['c++', $_] } qw(c++11 c++17 c++20);

sub self {
	my ($re, $name, $text, @langs) = @_;
	my $dir = sample('sdk/include/september/a.h' => $text);
	complains($re, $name, check("$dir", @langs));
}

my $G = "#ifndef A_H\n#define A_H\n";
self(qr/includes config.h/, 'config.h', "$G#include \"config.h\"\n#endif\n");
self(qr/includes jansson.h/, 'a library', "$G#include <jansson.h>\n#endif\n");
self(qr/HAVE_X depends/, 'a configure result', "$G#ifdef HAVE_X\n#endif\n" .
    "#endif\n");
self(qr/no guard/, 'no guard', "int x;\n");
self(qr/no extern/, 'functions without extern "C"', "${G}int f(void);\n" .
    "#endif\n");

my $root = srcdir();
my @headers = files($root, qr/\.h$/, 'sdk/include');
cmp_ok(scalar @headers, '>', 5, 'the headers are there');
clean('no header depends on configure or a third party', check($root));
SKIP: {
	skip "no C compiler: $CC", 2 unless have((split ' ', $CC)[0]);
	self(qr/as c11/, 'C that does not stand alone',
	    "${G}uint32_t x;\n#endif\n", @c);
	clean('each compiles alone as C11', check($root, @c));
}
SKIP: {
	skip "no C++ compiler: $CXX", 2 unless have((split ' ', $CXX)[0]);
	self(qr/as c\+\+11/, 'C that is no C++',
	    "${G}struct a { int class; };\n#endif\n", @cxx);
	clean('each compiles alone as C++11, C++17 and C++20',
	    check($root, @cxx));
}
done_testing();
