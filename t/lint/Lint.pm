# SPDX-License-Identifier: Apache-2.0
# Lint.pm - what the checks of the source share: where the source is, its
# files, C text without comments and strings, and temporary samples.
#
# Each check is a function that returns a list of complaints, so that the same
# code runs over a bad sample (it must complain) and over the tree.
package Lint;
use strict;
use warnings;
use Exporter 'import';
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Find;
use File::Path qw(make_path);
use File::Temp;
use Test::More;

our @EXPORT = qw(srcdir builddir files slurp strip_c sample complains clean
    capture includes have tracked %C_HEADER);

# Headers of the C library that a public header may use: C11, hosted.
our %C_HEADER = map { $_ => 1 } qw(stddef.h stdint.h string.h stdarg.h
    limits.h stdio.h inttypes.h);

sub srcdir {
	return abs_path($ENV{SEPT_SRCDIR} //
	    dirname(abs_path(__FILE__)) . '/../..');
}

sub builddir {
	return abs_path($ENV{SEPT_BUILDDIR} // '.');
}

# files(ROOT, REGEX, FOLDERS...): paths relative to ROOT, sorted.
sub files {
	my ($root, $re, @dirs) = @_;
	my @found;
	@dirs = grep { -e "$root/$_" } @dirs;
	return unless @dirs;
	find({ no_chdir => 1, wanted => sub {
		return unless -f $_ && $_ =~ $re;
		push @found, substr $_, length($root) + 1;
	} }, map { "$root/$_" } @dirs);
	@found = sort @found;
	return @found;
}

sub slurp {
	my ($path) = @_;
	open my $f, '<:raw', $path or die "$path: $!\n";
	local $/;
	my $text = <$f>;
	close $f;
	return $text // '';
}

# C text with comments, strings and characters blanked out; lines stay where
# they are.
sub strip_c {
	my ($text) = @_;
	my $blank = sub { my $t = shift; $t =~ tr/\n/ /c; return $t };
	$text =~ s{(/\*.*?\*/|//[^\n]*)
	    |"((?:[^"\\\n]|\\.)*)"
	    |'((?:[^'\\\n]|\\.)+)'}
	    {defined $1 ? $blank->($1) :
	     defined $2 ? '"' . $blank->($2) . '"' :
	     "'" . $blank->($3) . "'"}gsex;
	return $text;
}

# The #include lines of a file: [line, "<" or '"', name].
sub includes {
	my ($text) = @_;
	my ($no, @inc) = (0);
	for (split /\n/, $text) {
		$no++;
		push @inc, [$no, $1, $2]
		    if /^\s*#\s*include\s*(["<])([^">]+)[">]/;
	}
	return @inc;
}

# sample(PATH => TEXT, ...): a folder with these files, gone at the end.
sub sample {
	my %files = @_;
	my $dir = File::Temp->newdir('sept-lint-XXXXXX', TMPDIR => 1);
	for my $path (keys %files) {
		make_path(dirname("$dir/$path"));
		open my $f, '>:raw', "$dir/$path" or die "$path: $!\n";
		print $f $files{$path};
		close $f or die "$path: $!\n";
	}
	return $dir;
}

# The check must complain, and about this.
sub complains {
	my ($re, $name, @got) = @_;
	my @hit = grep { $_ =~ $re } @got;
	ok(@hit > 0, "self-test: $name") or
	    diag('no complaint like ', $re, '; got: ', explain(\@got));
}

sub clean {
	my ($name, @got) = @_;
	ok(!@got, $name);
	diag($_) for @got;
}

# capture(COMMAND...): (exit status, all it printed).
sub capture {
	my @cmd = @_;
	my $pid = open(my $out, '-|') // die "fork: $!\n";
	if (!$pid) {
		open STDERR, '>&', \*STDOUT;
		exec { $cmd[0] } @cmd or do {
			print "$cmd[0]: $!\n";
			require POSIX;
			close STDOUT;
			POSIX::_exit(127);
		};
	}
	local $/;
	my $text = <$out> // '';
	close $out;
	return ($? >> 8 || $? & 127, $text);
}

# Is a program there?
sub have {
	my ($prog) = @_;
	return -x $prog if $prog =~ m{/};
	return grep { -x "$_/$prog" } split /:/, $ENV{PATH} // '';
}

# The files under version control, or nothing when the source is no checkout
# of its own. The owner of the folder may be another user.
sub tracked {
	my ($root) = @_;
	return unless -e "$root/.git" && have('git');
	my ($st, $out) = capture('git', '-c', 'safe.directory=*', '-C', $root,
	    'ls-files', '-z');
	return if $st != 0;
	return grep { -e "$root/$_" || -l "$root/$_" } split /\0/, $out;
}

1;
