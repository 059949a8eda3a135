# SPDX-License-Identifier: Apache-2.0
#
# Starts and stops the programs of a benchmark: the mock provider, the bare
# relay, nginx and the engine, each pinned to a core, each with a directory
# of its own under one temporary directory.
#
# Every process is known by its pid and ended by it, also when the run dies.
# Nothing here measures.
package BenchServers;

use strict;
use warnings;
use File::Glob qw(:bsd_glob);
use File::Path qw(make_path);
use File::Spec;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use JSON::PP ();
use List::Util qw(max);
use POSIX qw(WNOHANG);
use Socket qw(SOL_SOCKET SO_RCVTIMEO);
use Time::HiRes qw(clock_gettime time sleep);

sub new
{
	my ($class, %o) = @_;
	my $self = bless { %o, children => {}, serial => 0 }, $class;

	$self->{tmp} = tempdir('sept-bench-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	$self->{owner} = $$;
	return $self;
}

sub DESTROY
{
	my ($self) = @_;

	return if $$ != $self->{owner};
	local ($?, $@);
	$self->stop_all;
}

sub stop_all
{
	my ($self) = @_;

	$self->stop($_) for values %{ $self->{children} };
}

sub dir
{
	my ($self, $name) = @_;
	my $dir = sprintf '%s/%s-%d', $self->{tmp}, $name, ++$self->{serial};

	make_path($dir);
	return $dir;
}

# Run a program pinned to a core, output to files in its directory.
sub spawn
{
	my ($self, $name, $core, $env, @cmd) = @_;
	my $dir = $env->{BENCH_DIR} // $self->dir($name);
	my $began = time;
	my $pid = fork // die "fork: $!\n";

	if ($pid == 0) {
		chdir $dir or POSIX::_exit(127);
		open STDIN, '<', File::Spec->devnull or POSIX::_exit(127);
		open STDOUT, '>', 'stdout' or POSIX::_exit(127);
		open STDERR, '>', 'stderr' or POSIX::_exit(127);
		my %keep = map { $_ => $ENV{$_} } grep { defined $ENV{$_} }
		    qw(PATH LD_LIBRARY_PATH ASAN_OPTIONS TSAN_OPTIONS);
		%ENV = (%keep, HOME => $dir, LC_ALL => 'C', %$env);
		delete $ENV{BENCH_DIR};
		@cmd = ('taskset', '-c', $core, @cmd) if defined $core;
		{ no warnings 'exec'; exec { $cmd[0] } @cmd; }
		print STDERR "$cmd[0]: $!\n";
		POSIX::_exit(127);
	}
	my $s = { name => $name, pid => $pid, dir => $dir, began => $began };
	$self->{children}{$pid} = $s;
	return $s;
}

sub slurp
{
	my ($path) = @_;

	open my $fh, '<', $path or return '';
	local $/;
	return scalar(<$fh>) // '';
}

sub alive
{
	my ($self, $s) = @_;

	return 0 if $s->{ended};
	if (waitpid($s->{pid}, WNOHANG) == $s->{pid}) {
		$s->{ended} = 1;
		delete $self->{children}{ $s->{pid} };
		return 0;
	}
	return 1;
}

# Poll `test` until it gives a true value; die when the process ends first.
sub await
{
	my ($self, $s, $what, $limit, $test) = @_;
	my $end = time + $limit;
	my ($err, $v);

	while (1) {
		$v = $test->();
		return $v if $v;
		if (!$self->alive($s)) {
			$err = slurp("$s->{dir}/stderr");
			$err = substr($err, -500) if length $err > 500;
			die "$s->{name} ended before $what: $err\n";
		}
		die "$s->{name}: no $what within $limit s\n" if time > $end;
		sleep 0.0005;
	}
}

# SIGTERM, then SIGKILL after 20 s.  Returns true when it ended by itself.
sub stop
{
	my ($self, $s) = @_;
	my $end = time + ($s->{patience} // 20);

	return 1 if !$self->alive($s);
	kill 'TERM', $s->{pid};
	while ($self->alive($s)) {
		if (time > $end) {
			kill 'KILL', $s->{pid};
			waitpid $s->{pid}, 0;
			delete $self->{children}{ $s->{pid} };
			$s->{ended} = 1;
			return 0;
		}
		sleep 0.005;
	}
	return 1;
}

# One GET on a connection of its own: (status, body), or nothing.
sub get
{
	my ($port, $path, $key) = @_;
	my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
	    PeerPort => $port, Timeout => 5) or return;
	my ($n, $reply) = (0, '');

	setsockopt $sock, SOL_SOCKET, SO_RCVTIMEO, pack('l!l!', 5, 0);
	print {$sock} "GET $path HTTP/1.1\r\nHost: 127.0.0.1\r\n" .
	    'X-Engine-Key: ' . ($key // 'bench') .
	    "\r\nConnection: close\r\n\r\n";
	$sock->flush;
	while (1) {
		$n = sysread $sock, $reply, 65536, length $reply;
		last if !$n || ($reply =~
		    /\A.*?^content-length:\s*(\d+)\r\n(?:[^\r].*?)?\r\n(.*)/ims
		    && length $2 >= $1);
	}
	return if $reply !~ m{\AHTTP/1\.1 (\d+)[^\n]*\n(.*?)\r\n\r\n(.*)}s;
	my ($status, $head, $body) = ($1, $2, $3);
	if ($head =~ /^transfer-encoding:\s*chunked/im) {
		my $plain = '';
		while ($body =~ s/\A([0-9a-fA-F]+)[^\n]*\n//) {
			my $len = hex $1 or last;
			$plain .= substr $body, 0, $len, '';
			$body =~ s/\A\r\n//;
		}
		$body = $plain;
	}
	return ($status, $body);
}

sub port_from_stdout
{
	my ($s) = @_;

	return slurp("$s->{dir}/stdout") =~ /^(\d+)\n/ ? $1 : 0;
}

sub mock
{
	my ($self) = @_;
	my $s = $self->spawn('mock', $self->{client_core}, {},
	    "$self->{bin}/mock-provider");

	$s->{port} = $self->await($s, 'port', 10,
	    sub { port_from_stdout($s) });
	$self->{mock_port} = $s->{port};
	return $s;
}

sub relay
{
	my ($self, %o) = @_;
	my $s = $self->spawn('relay', $self->{server_core},
	    { LLM_BASE_URL => "http://127.0.0.1:$self->{mock_port}/v1",
	      ENGINE_PORT => 0 }, @{ $o{wrap} // [] },
	    "$self->{bin}/bare-relay");

	$s->{patience} = $o{patience};
	$s->{port} = $self->await($s, 'port', $o{limit} // 10,
	    sub { port_from_stdout($s) });
	$self->await($s, 'healthy answer', $o{limit} // 10,
	    sub { ((get($s->{port}, '/health'))[0] // 0) == 200 });
	$s->{ready} = time - $s->{began};
	return $s;
}

sub nginx_path
{
	for my $dir (split(/:/, $ENV{PATH} // ''), '/usr/sbin',
	    '/usr/local/sbin') {
		return "$dir/nginx" if -x "$dir/nginx";
	}
	die "nginx is not installed\n";
}

# nginx cannot listen on port 0: it inherits a socket that is bound already,
# by the way it has for its own upgrades.
sub nginx
{
	my ($self) = @_;
	my $path = nginx_path();
	my $dir = $self->dir('nginx');
	my $s;

	local $^F = 1000;
	my $sock = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
	    LocalPort => 0, Listen => 1024, ReuseAddr => 1)
	    or die "cannot listen: $@\n";
	my $port = $sock->sockport;
	open my $fh, '>', "$dir/nginx.conf" or die "nginx.conf: $!\n";
	print {$fh} <<"EOT";
daemon off;
worker_processes 1;
pid $dir/nginx.pid;
error_log $dir/error.log warn;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
	access_log off;
	client_body_temp_path $dir/body;
	proxy_temp_path $dir/proxy;
	fastcgi_temp_path $dir/fastcgi;
	uwsgi_temp_path $dir/uwsgi;
	scgi_temp_path $dir/scgi;
	tcp_nodelay on;
	keepalive_requests 100000000;
	upstream provider {
		server 127.0.0.1:$self->{mock_port};
		keepalive 1024;
		keepalive_requests 100000000;
	}
	server {
		listen 127.0.0.1:$port;
		location = /health { return 200 '{"status":"ok"}'; }
		location / {
			proxy_pass http://provider;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_buffering off;
		}
	}
}
EOT
	close $fh or die "nginx.conf: $!\n";
	$s = $self->spawn('nginx', $self->{server_core},
	    { BENCH_DIR => $dir, NGINX => fileno($sock) . ';' }, $path,
	    '-c', "$dir/nginx.conf", '-e', "$dir/error.log");
	$s->{port} = $port;
	$self->await($s, 'worker', 10, sub {
		slurp("/proc/$s->{pid}/task/$s->{pid}/children") =~ /\d/ });
	close $sock;
	$self->await($s, 'answer', 10,
	    sub { ((get($port, '/health'))[0] // 0) == 200 });
	return $s;
}

sub write_file
{
	my ($path, $text) = @_;

	open my $fh, '>', $path or die "$path: $!\n";
	print {$fh} $text;
	close $fh or die "$path: $!\n";
}

# The smallest catalog: one agent without tools, and the plugins' manifests.
sub catalog
{
	my ($self) = @_;
	my $dir = "$self->{tmp}/catalog";

	return $dir if -d $dir;
	make_path(map { "$dir/$_" } qw(agents/default tools skills servers
	    plugins));
	write_file("$dir/agents/default/agent.json",
	    '{"name":"default","description":"bench","tools":[]}' . "\n");
	write_file("$dir/agents/default/system-prompt.md",
	    "You answer briefly.\n");
	write_file("$dir/core_soul.json",
	    '{"identity":"x","values":[],"patterns":[]}' . "\n");
	for my $file (glob "$self->{source}/catalog/plugins/*.json") {
		my ($base) = $file =~ m{([^/]+)\z};
		write_file("$dir/plugins/$base", slurp($file));
	}
	return $dir;
}

sub plugin_path
{
	my ($self) = @_;
	my %dirs;

	return $self->{plugin_path} if defined $self->{plugin_path};
	return if !defined $self->{builddir};
	for my $so (glob("$self->{builddir}/plugins/.libs/*.so"),
	    glob("$self->{builddir}/plugins/*/.libs/*.so")) {
		$dirs{ $so =~ s{/[^/]+\z}{}r } = 1;
	}
	return join ':', sort keys %dirs;
}

# The port: from the file the engine was asked to write, or from its log.
sub engine_port
{
	my ($s) = @_;

	return $1 if slurp("$s->{dir}/port") =~ /^(\d+)\s/;
	return $1 if slurp("$s->{dir}/stderr") =~ /"port":\s*([1-9]\d*)/;
	return 0;
}

# Start the engine on an empty brain and wait until it is healthy.  The
# server carries `ready`, the seconds from fork to the first healthy answer.
sub engine
{
	my ($self, %o) = @_;
	my $dir = $self->dir('engine');
	my $limit = $o{limit} // 30;
	my $plugins = $self->plugin_path;
	my $s;

	make_path("$dir/data");
	$s = $self->spawn('engine', $self->{server_core}, {
		BENCH_DIR => $dir,
		ENGINE_HOST => '127.0.0.1',
		ENGINE_PORT => 0,
		ENGINE_PORT_FILE => "$dir/port",
		ENGINE_API_KEY => 'bench',
		LLM_PROVIDER => 'openai',
		LLM_BASE_URL => "http://127.0.0.1:$self->{mock_port}/v1",
		LLM_MODEL => 'mock',
		LLM_API_KEY => 'x',
		SQLITE_DB_PATH => "$dir/data/brain.db",
		XDG_DATA_HOME => "$dir/data",
		CATALOG_DIR => $self->catalog,
		defined $plugins ? (PLUGIN_PATH => $plugins) : (),
	    }, @{ $o{wrap} // [] }, $self->{engine});
	$s->{patience} = $o{patience};
	$s->{db} = "$dir/data/brain.db";
	$s->{port} = $self->await($s, 'port', $limit,
	    sub { engine_port($s) });
	$self->await($s, 'healthy answer', $limit, sub {
		my ($status, $body) = get($s->{port}, '/health');
		defined $status && $status == 200 &&
		    $body =~ /"status":\s*"ok"/;
	    });
	$s->{ready} = time - $s->{began};
	return $s;
}

# Run a client to its end on the clients' core; its JSON, or die.
sub tool
{
	my ($self, $core, $name, @args) = @_;
	my $s = $self->spawn($name, $core, {}, "$self->{bin}/$name", @args);
	my ($out, $err, $json);

	waitpid $s->{pid}, 0;
	my $status = $?;
	delete $self->{children}{ $s->{pid} };
	$s->{ended} = 1;
	$out = slurp("$s->{dir}/stdout");
	$err = slurp("$s->{dir}/stderr") =~ s/\n.*//sr;
	die "$name: " . ($err ne '' ? $err : "status $status") . "\n"
	    if $status != 0;
	$json = eval { JSON::PP::decode_json($out) };
	die "$name: no result\n" if !defined $json;
	return $json;
}

sub client
{
	my ($self, $name, @args) = @_;

	return $self->tool($self->{client_core}, $name, @args);
}

# CPU in us that a process, its threads and its children alive now have used.
# The number is the kernel's name of another process's CPU clock, as
# clock_getcpuclockid(3) makes it: it counts threads that have ended too.
sub cpu_us
{
	my ($pid) = @_;
	my $sum = 1e6 * max(0, clock_gettime(-8 * ($pid + 1) + 2));

	for my $task (glob "/proc/$pid/task/*") {
		$sum += cpu_us($_) for split ' ', slurp("$task/children");
	}
	return $sum;
}

sub rss_kib
{
	my ($pid) = @_;

	return slurp("/proc/$pid/status") =~ /^VmRSS:\s*(\d+)/m ? $1 : 0;
}

1;
