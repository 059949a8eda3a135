#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# manifests.t - each plugin's manifest says what the engine can use.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use JSON::PP;
use Lint;
use Test::More;

alarm 60;

my %KIND = (llm => 'llm', tool => 'tool', skill => 'skill');
my %CAP = map { $_ => 1 } qw(net fs_read fs_write exec secret mem_read
    mem_write);
my %KEY = map { $_ => 1 } qw(id version file abi kinds capabilities secrets
    config isolation sha256 description);

# The numbers the engine's own headers carry.
sub abi {
	my ($root) = @_;
	my $h = slurp("$root/sdk/include/september/plugin.h");
	my ($major) = $h =~ /^#define SEPT_ABI_MAJOR (\d+)/m;
	my ($minor) = $h =~ /^#define SEPT_ABI_MINOR (\d+)/m;
	return ($major, $minor);
}

sub check_lists {
	my ($m, $name) = @_;
	my @bad;
	for my $key (qw(kinds capabilities secrets)) {
		my $v = $m->{$key} // next;
		if (ref $v ne 'ARRAY') {
			push @bad, "$key is no list";
			next;
		}
		my %seen;
		push @bad, map { "$key names $_ twice" }
		    grep { $seen{$_}++ } @$v;
	}
	return @bad if @bad;
	push @bad, 'kinds is empty' unless @{$m->{kinds} // []};
	push @bad, map { "kind $_ is unknown" } grep { !$KIND{$_} }
	    @{$m->{kinds} // []};
	my ($prefix) = $name =~ /^(\w+)-/;
	push @bad, "kinds does not hold $prefix, as the folder's name says"
	    unless grep { $_ eq ($prefix // '') } @{$m->{kinds} // []};
	push @bad, 'capabilities is missing' unless $m->{capabilities};
	push @bad, map { "capability $_ is unknown" } grep { !$CAP{$_} }
	    @{$m->{capabilities} // []};
	push @bad, map { "secret $_ is no variable's name" }
	    grep { !/^[A-Z][A-Z0-9_]*$/ } @{$m->{secrets} // []};
	my $may = grep { $_ eq 'secret' } @{$m->{capabilities} // []};
	push @bad, 'secrets without the capability'
	    if @{$m->{secrets} // []} && !$may;
	push @bad, 'the capability secret without secrets'
	    if $may && !@{$m->{secrets} // []};
	return @bad;
}

sub check_one {
	my ($text, $name, $major, $minor) = @_;
	my $m = eval { JSON::PP->new->utf8->decode($text) };
	return 'is not JSON' unless defined $m;
	return 'is no object' unless ref $m eq 'HASH';
	my @bad = map { "key $_ is unknown" } grep { !$KEY{$_} } sort keys %$m;
	push @bad, 'id is not org.september.' . $name
	    unless ($m->{id} // '') eq "org.september.$name";
	push @bad, "file is not $name.so"
	    unless ($m->{file} // '') eq "$name.so";
	push @bad, 'version is no version'
	    unless ($m->{version} // '') =~ /^\d+\.\d+\.\d+$/;
	my ($a, $b) = ($m->{abi} // '') =~ /^(\d+)\.(\d+)$/;
	push @bad, "abi is not one that $major.$minor serves"
	    unless defined $b && $a == $major && $b <= $minor;
	push @bad, check_lists($m, $name);
	return @bad;
}

# A folder with a local.mk that names a module has a manifest of its name.
sub check {
	my ($root) = @_;
	my @bad;
	my ($major, $minor) = abi($root);
	for my $mk (files($root, qr/local\.mk$/, 'plugins')) {
		my ($name) = $mk =~ m{^plugins/([^/]+)/local\.mk$} or next;
		next unless slurp("$root/$mk") =~
		    m{^pluginexec_LTLIBRARIES}m;
		my $file = "plugins/$name/$name.json";
		if (!-f "$root/$file") {
			push @bad, "$file: missing";
			next;
		}
		push @bad, map { "$file: $_" } check_one(slurp("$root/$file"),
		    $name, $major, $minor);
	}
	return @bad;
}

sub self {
	my ($re, $name, %change) = @_;
	my $raw = delete $change{raw};
	my %m = (id => 'org.september.tool-x', version => '1.0.0',
	    file => 'tool-x.so', abi => '1.0', kinds => ['tool'],
	    capabilities => ['net'], %change);
	delete @m{grep { !defined $m{$_} } keys %m};
	complains($re, $name,
	    check_one($raw // encode_json(\%m), 'tool-x', 1, 0));
}

self(qr/is not JSON/, 'text', raw => '{');
self(qr/is no object/, 'a list', raw => '[]');
self(qr/id is not/, 'a foreign id', id => 'x');
self(qr/file is not/, 'a path', file => '../tool-x.so');
self(qr/version is no/, 'a version', version => '1');
self(qr/abi is not/, 'a newer ABI', abi => '1.1');
self(qr/abi is not/, 'no ABI', abi => undef);
self(qr/kinds is empty/, 'no kind', kinds => []);
self(qr/kind cook is/, 'an unknown kind', kinds => ['tool', 'cook']);
self(qr/does not hold tool/, 'another kind', kinds => ['llm']);
self(qr/kinds is no list/, 'a kind as text', kinds => 'tool');
self(qr/capability root is/, 'an unknown capability',
    capabilities => ['root']);
self(qr/capabilities names net twice/, 'twice',
    capabilities => ['net', 'net']);
self(qr/secret a-b is no/, 'a secret', secrets => ['a-b'],
    capabilities => ['secret']);
self(qr/secrets without/, 'secrets without capability', secrets => ['A']);
self(qr/capability secret without/, 'capability without secrets',
    capabilities => ['secret']);
self(qr/key bogus is unknown/, 'an unknown key', bogus => 1);
{
	my $dir = sample('plugins/tool-x/local.mk' =>
	    "pluginexec_LTLIBRARIES += plugins/tool-x.la\n",
	    'sdk/include/september/plugin.h' =>
	    "#define SEPT_ABI_MAJOR 1\n#define SEPT_ABI_MINOR 0\n");
	complains(qr/tool-x.json: missing/, 'no manifest', check("$dir"));
}

my $root = srcdir();
my @all = files($root, qr{/local\.mk$}, 'plugins');
cmp_ok(scalar @all, '>', 3, 'the plugins are there');
clean('every manifest is well-formed', check($root));
done_testing();
