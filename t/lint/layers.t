#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# layers.t - #include arrows only point down.
#
# The order is main > api > agent > memory, assets, catalog > plug, store >
# net > loop > base. Folders of one layer do not know each other. core never
# includes from plugins; plugins include nothing of ours but <september/...>;
# the public headers include only each other and the C library.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Lint;
use Test::More;

alarm 120;

my %RANK = (base => 0, loop => 1, net => 2, store => 3, plug => 3,
    memory => 4, assets => 4, catalog => 4, agent => 5, api => 6,
    main => 7);

# dir/../x/y.h -> x/y.h; undef when it leaves the tree.
sub resolve {
	my ($dir, $name) = @_;
	my @path;
	for (split(m{/}, "$dir/$name")) {
		next if $_ eq '' || $_ eq '.';
		if ($_ eq '..') {
			return undef unless @path;
			pop @path;
		} else {
			push @path, $_;
		}
	}
	return join '/', @path;
}

# core/NAME/... -> NAME; the files in core itself are the program's main.
sub layer {
	my ($path) = @_;
	return undef if $path !~ m{^core/};
	return $path =~ m{^core/([^/]+)/} ? $1 : 'main';
}

sub check_core {
	my ($root, $file, $no, $to) = @_;
	my ($from, $into) = (layer($file), layer($to));
	return "$file:$no: core includes $to" unless defined $into;
	return "$file:$no: folder $from has no place in the layers"
	    unless exists $RANK{$from};
	return "$file:$no: folder $into has no place in the layers"
	    unless exists $RANK{$into};
	return if $from eq $into;
	return "$file:$no: $from includes $into, which is above it"
	    if $RANK{$from} < $RANK{$into};
	return "$file:$no: $from includes $into of the same layer"
	    if $RANK{$from} == $RANK{$into};
	return;
}

sub check_plugin {
	my ($root, $file, $no, $to) = @_;
	my ($own) = $file =~ m{^plugins/([^/]+)/};
	my ($theirs) = $to =~ m{^plugins/([^/]+)/};
	return "$file:$no: a plugin includes $to" unless defined $theirs;
	return if $own eq $theirs || $theirs =~ /-common$/;
	return "$file:$no: plugin $own includes from plugin $theirs";
}

# <...> that is ours: a path that exists in the tree.
sub check_angle {
	my ($root, $file, $no, $name) = @_;
	if ($file =~ m{^sdk/include/}) {
		return if $name =~ m{^september/} || $C_HEADER{$name};
		return "$file:$no: a public header includes <$name>";
	}
	return if $name =~ m{^september/};
	for my $base ('', 'core/', 'plugins/') {
		return "$file:$no: <$name> is not a system header"
		    if -f "$root/$base$name";
	}
	return;
}

sub check_file {
	my ($root, $file) = @_;
	my ($dir) = $file =~ m{^(.*)/};
	my @bad;
	for (includes(slurp("$root/$file"))) {
		my ($no, $how, $name) = @$_;
		if ($how eq '<') {
			push @bad, check_angle($root, $file, $no, $name);
			next;
		}
		if ($file =~ m{^sdk/include/}) {
			push @bad, "$file:$no: a public header includes " .
			    "\"$name\"" if $name =~ m{/};
		}
		# Of the build, not of a layer.
		next if $name eq 'config.h' && $file =~ m{^core/};
		my $to = resolve($dir, $name);
		if (!defined $to || !-f "$root/$to") {
			push @bad, "$file:$no: \"$name\" is not beside it";
			next;
		}
		push @bad, check_core($root, $file, $no, $to)
		    if $file =~ m{^core/};
		push @bad, check_plugin($root, $file, $no, $to)
		    if $file =~ m{^plugins/};
	}
	return @bad;
}

sub check {
	my ($root) = @_;
	return map { check_file($root, $_) }
	    files($root, qr/\.[ch]$/, 'core', 'plugins', 'sdk/include');
}

sub self {
	my ($re, $name, %files) = @_;
	my $dir = sample(%files);
	complains($re, $name, check("$dir"));
}

self(qr/base includes net, which is above/, 'an arrow up',
    'core/base/a.c' => "#include \"../net/n.h\"\n", 'core/net/n.h' => '');
self(qr/store includes plug of the same layer/, 'an arrow sideways',
    'core/store/a.c' => "#include \"../plug/p.h\"\n",
    'core/plug/p.h' => '');
self(qr/catalog includes memory of the same/, 'catalog and memory',
    'core/catalog/a.c' => "#  include \"../memory/p.h\"\n",
    'core/memory/p.h' => '');
self(qr/agent includes main, which is above/, 'a layer that includes main',
    'core/agent/a.c' => "#include \"../main-config.h\"\n",
    'core/main-config.h' => '');
self(qr/core includes plugins/, 'core that includes a plugin',
    'core/api/a.c' => "#include \"../../plugins/x/p.h\"\n",
    'plugins/x/p.h' => '');
self(qr/a plugin includes core/, 'a plugin that includes core',
    'plugins/x/a.c' => "#include \"../../core/base/p.h\"\n",
    'core/base/p.h' => '');
self(qr/<base\/p.h> is not a system header/, 'core in angle brackets',
    'plugins/x/a.c' => "#include <base/p.h>\n", 'core/base/p.h' => '');
self(qr/plugin x includes from plugin y/, 'a plugin that includes another',
    'plugins/x/a.c' => "#include \"../y/p.h\"\n", 'plugins/y/p.h' => '');
self(qr/public header includes <jansson.h>/, 'a library in a public header',
    'sdk/include/september/a.h' => "#include <jansson.h>\n");
self(qr/public header includes "..\/b.h"/, 'a public header that looks out',
    'sdk/include/september/a.h' => "#include \"../b.h\"\n");
self(qr/has no place in the layers/, 'a folder nobody knows',
    'core/misc/a.c' => "#include \"../base/b.h\"\n", 'core/base/b.h' => '');
self(qr/"gone.h" is not beside it/, 'an include that does not resolve',
    'core/base/a.c' => "#include \"gone.h\"\n");
{
	my $dir = sample('core/api/a.c' => "#include <stdio.h>\n" .
	    "#include <september/call.h>\n#include \"../base/b.h\"\n",
	    'core/base/b.h' => '', 'core/main.c' => "#include \"api/a.h\"\n",
	    'core/api/a.h' => '', 'plugins/x/a.c' =>
	    "#include \"../x-common/c.h\"\n#include <september/tool.h>\n",
	    'plugins/x-common/c.h' => '');
	clean('self-test: arrows down are fine', check("$dir"));
}

my $root = srcdir();
my @core = files($root, qr/\.[ch]$/, 'core');
cmp_ok(scalar @core, '>', 20,
    'the source is there');
clean('all arrows point down', check($root));
done_testing();
