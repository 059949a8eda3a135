#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# style.t - the rules of form that a program can see.
#
# Licence line and a first comment in each C file; 79 columns at tabs of 8;
# files of at most 800 lines, functions of at most 80 (over 60 is listed);
# function names in column 0; no blanks at line ends; no banned functions.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Lint;
use Test::More;

alarm 120;

my ($COLUMNS, $FILE_LINES, $FUNC_LINES, $FUNC_WARN) = (79, 800, 80, 60);

# Why each: no bound on what is written, errors that cannot be seen, hidden
# state, a shell, or a race.
my @BANNED = qw(sprintf vsprintf strcpy strcat strncpy strncat stpcpy gets
    atoi atol atoll atof strtok alloca system popen tmpnam tempnam mktemp);

# "file function" => why it is right there. Keep it short.
my %ALLOWED = map { $_ => 1 } (
	# Tests that clear their own folder with rm -rf; no input of others.
	map { "t/unit/$_ system" } qw(test-tool-files.c test-tool-paths.c
	    test-tool-shell.c)
);

sub width {
	my ($line) = @_;
	my $w = 0;
	utf8::decode($line);
	for (split //, $line) {
		$w = $_ eq "\t" ? ($w | 7) + 1 : $w + 1;
	}
	return $w;
}

sub check_lines {
	my ($file, $text) = @_;
	my ($no, @bad) = (0);
	my @code = split /\n/, strip_c($text), -1;
	push @bad, "$file: does not end with a line end"
	    if length $text && $text !~ /\n\z/;
	push @bad, "$file: ends with an empty line" if $text =~ /\n\n\z/;
	for (split /\n/, $text) {
		$no++;
		push @bad, "$file:$no: blanks at the end" if /[ \t\r]$/;
		push @bad, "$file:$no: eight blanks for a tab"
		    if /^\t* {8}/ && $code[$no - 1] =~ /\S/;
		my $w = width($_);
		push @bad, "$file:$no: $w columns" if $w > $COLUMNS;
	}
	push @bad, "$file: $no lines" if $no > $FILE_LINES;
	return @bad;
}

sub check_head {
	my ($file, $text) = @_;
	return "$file: line 1 is not the licence" if $text !~
	    m{\A/\* SPDX-License-Identifier: Apache-2\.0 \*/\n};
	return "$file: no first comment" if $text !~ m{\A[^\n]*\n\s*/\*[\s*]*\w};
	return;
}

# The definitions of a file: [name, first line, last line, name's column].
# Text at depth 0 up to a '{' is a function when it ends with ')'.
sub functions {
	my ($text) = @_;
	my $code = strip_c($text);
	my ($depth, $head, $start, $line, @out, $open) = (0, '', 1, 1);
	# Directives with their continuations are not code.
	$code =~ s{^[ \t]*#(?:[^\n]*\\\n)*[^\n]*}
	    {my $d = $&; $d =~ tr/\n//cd; $d}gme;
	for my $c (split //, $code) {
		if ($c eq "\n") {
			$line++;
			$start = $line if $depth == 0 && $head !~ /\S/;
		}
		if ($c eq '{') {
			if ($depth == 0 && $head =~ /^\s*extern\s+"\s*"\s*$/) {
				($head, $start) = ('', $line);
				next;
			}
			$open = $depth == 0 && $head =~ /\)\s*$/ &&
			    $head !~ /=/ ? [$head, $start] : undef
			    if $depth == 0;
			$depth++;
		} elsif ($c eq '}') {
			next if $depth == 0;	# of extern "C"
			if (--$depth == 0) {
				push @out, definition(@$open, $line) if $open;
				($head, $start) = ('', $line);
			}
		} elsif ($depth == 0) {
			if ($c eq ';') {
				($head, $start) = ('', $line);
			} else {
				$head .= $c;
			}
		}
	}
	return @out;
}

sub definition {
	my ($head, $start, $end) = @_;
	$head =~ s/^\n+//;
	(my $flat = $head) =~
	    s{__attribute__\s*(\((?:[^()]++|(?1))*\))}
	    {my $t = $&; $t =~ tr/\n/ /c; $t}gex;
	$flat =~ /(\w+)\s*\(/ or return;
	my ($name, $at) = ($1, $-[1]);
	my $before = substr $flat, 0, $at;
	$before =~ s/.*\n//s;
	return [$name, $start, $end, length $before];
}

my @long;

sub check_functions {
	my ($file, $text) = @_;
	my @bad;
	for (functions($text)) {
		my ($name, $from, $to, $col) = @$_;
		my $lines = $to - $from + 1;
		push @bad, "$file:$from: $name is not in column 0" if $col;
		push @bad, "$file:$from: $name has $lines lines"
		    if $lines > $FUNC_LINES;
		push @long, "$file:$from: $name has $lines lines"
		    if $lines > $FUNC_WARN && $lines <= $FUNC_LINES;
	}
	return @bad;
}

sub check_banned {
	my ($file, $text) = @_;
	my ($no, @bad) = (0);
	my $any = join '|', @BANNED;
	for (split /\n/, strip_c($text)) {
		$no++;
		while (/(?<![\w.>])($any)\s*\(/g) {
			push @bad, "$file:$no: $1() is banned"
			    unless $ALLOWED{"$file $1"};
		}
	}
	return @bad;
}

sub check {
	my ($root) = @_;
	my @bad;
	for my $file (files($root, qr/\.[ch]$/, 'core', 'plugins', 'sdk',
	    't/unit', 't/fuzz', 't/plugin')) {
		my $text = slurp("$root/$file");
		# What a fuzz target is built from is read by its runner.
		$text =~ s{^/\* FUZZ-[A-Z]+:[^\n]*\*/\n}{}mg
		    if $file =~ m{^t/fuzz/};
		push @bad, check_lines($file, $text),
		    check_head($file, $text), check_functions($file, $text),
		    check_banned($file, $text);
	}
	return @bad;
}

my $HEAD = "/* SPDX-License-Identifier: Apache-2.0 */\n" .
    "/*\n * a.c - a sample.\n */\n";

sub self {
	my ($re, $name, $text) = @_;
	my $dir = sample('core/a.c' => $text);
	complains($re, $name, check("$dir"));
}

self(qr/not the licence/, 'no licence', "int x;\n");
self(qr/no first comment/, 'no first comment',
    "/* SPDX-License-Identifier: Apache-2.0 */\nint x;\n");
self(qr/:5: 80 columns/, 'a line too wide',
    $HEAD . "\t" . 'x' x 72 . "\n");
self(qr/:5: blanks at the end/, 'blanks', $HEAD . "int x; \n");
self(qr/:5: eight blanks/, 'blanks for a tab', $HEAD . ' ' x 8 . "x;\n");
self(qr/does not end with/, 'no last line end', $HEAD . 'int x;');
self(qr/805 lines/, 'a file too long', $HEAD . "int x;\n" x 801);
self(qr/:5: f has 81 lines/, 'a function too long', $HEAD .
    "static int\nf(void)\n{\n" . "\tx();\n" x 77 . "}\n");
self(qr/f is not in column 0/, 'a name not in column 0',
    $HEAD . "static int f(int (*g)(void),\n    int x)\n{\n}\n");
self(qr/g is not in column 0/, 'in a header of C and C++',
    $HEAD . "extern \"C\" {\nint f(void);\nint g(void)\n{\n}\n}\n");
self(qr/:5: $_\(\) is banned/, "banned: $_", $HEAD . "int x = $_(y);\n")
    for @BANNED;
{
	my $dir = sample('core/a.c' => $HEAD .
	    "/* strcpy(a, b) */\n#define F(x) \\\n\tdo { x(); } while (0)\n" .
	    "static const struct s t[] = {\n\t{ f(1), \"strcpy(\" },\n};\n" .
	    "__attribute__((format(printf, 1, 2)))\nint\nf(const char *s,\n" .
	    "    ...)\n{\n\tif (snprintf(b, 1, \"{\") && '{')\n" .
	    "\t\tp->system(1);\n}\n\nint\ng(void)\n{\n" .
	    "\treturn my_strcpy(1);\n}\n" . "/* x */\n" x 700);
	clean('self-test: what only looks like a fault', check("$dir"));
	my @f = functions(slurp("$dir/core/a.c"));
	is_deeply([map { $_->[0] } @f], ['f', 'g'],
	    'self-test: functions are found');
	is($f[0][2] - $f[0][1], 7, 'self-test: and their length');
}

@long = ();
my @found = check(srcdir());
note("long: $_") for @long;
clean('the source keeps the rules of form', @found);
done_testing();
