# SPDX-License-Identifier: Apache-2.0
#
# September - runs the engine for black-box tests.
#
#   use September;
#   my $llm = September::MockLLM->start('Hello.');
#   my $e = September->start(llm => $llm);
#   my $t = $e->turn('task-1', 'hi');          # {text}, {events}, {stream}...
#   turn_ok($t, 'a turn');
#   is($e->get('/health')->{json}{status}, 'ok', 'healthy');
#   $e->stop;                                  # TERM, exit 0, clean log
#
# The engine gets an empty environment, a directory of its own (brain,
# workspace, copies of catalog and plugins) and port 0. It is ended by process
# id. What a sanitizer or the watchdog wrote to its standard error fails the
# test; `allow => qr/.../` excuses lines, stalls => 1 excuses the watchdog.
package September;

use strict;
use warnings;

use Cwd ();
use Exporter qw(import);
use File::Copy ();
use File::Find ();
use File::Path qw(make_path);
use File::Temp ();
use JSON::PP ();
use POSIX qw(:sys_wait_h);
use September::HTTP;
use September::MockLLM;
use September::SSE;
use Test::More ();
use Time::HiRes qw(time sleep);

our @EXPORT = qw(slurp spew stream_ok turn_ok error_is);

my $json = JSON::PP->new->utf8->canonical->pretty;
my %running; # engines by pid, for END
my $owner = $$;

# Test files set their own alarm; this one is for those that forgot. A plain
# die would leave the engine behind.
$SIG{ALRM} = sub { die "the test took too long\n" };
$SIG{TERM} = $SIG{INT} = sub { exit 1 };

sub builddir { return $ENV{SEPT_BUILDDIR} // Cwd::getcwd() }
sub srcdir { return $ENV{SEPT_SRCDIR} // Cwd::getcwd() }

sub slurp
{
	my ($path) = @_;

	open my $fh, '<:raw', $path or return '';
	local $/;
	return scalar(<$fh>) // '';
}

sub spew
{
	my ($path, $bytes) = @_;

	make_path($path =~ s{/[^/]*\z}{}r);
	open my $fh, '>:raw', "$path.new" or die "$path: $!\n";
	print {$fh} ref $bytes ? $json->encode($bytes) : $bytes or
	    die "$path: $!\n";
	close $fh or die "$path: $!\n";
	rename "$path.new", $path or die "$path: $!\n";
}

sub copy_tree
{
	my ($from, $to) = @_;

	make_path($to);
	File::Find::find({ no_chdir => 1, wanted => sub {
		my $rel = substr $File::Find::name, length $from;

		return make_path("$to$rel") if -d $File::Find::name;
		File::Copy::copy($File::Find::name, "$to$rel") or
		    die "$to$rel: $!\n";
		chmod((-x $File::Find::name ? 0755 : 0644), "$to$rel");
	} }, $from);
}

# Options: llm (a September::MockLLM), provider (openai), env, key, catalog
# (a directory to copy, or 'none' for one bare agent), plugins (names; all
# that were built), dir (of an engine that ran before), args, allow, stalls,
# wait (seconds until the port is known), early (do not wait until it is
# ready), binary.
sub new
{
	my ($class, %o) = @_;
	my $self = bless { key => 'test-key', wait => 20, %o }, $class;

	if (!$self->{dir}) {
		$self->{tmp} = File::Temp->newdir('september-XXXXXX',
		    TMPDIR => 1);
		$self->{dir} = Cwd::realpath("$self->{tmp}");
	}
	make_path(map { "$self->{dir}/$_" } qw(data home tmp workspace
	    catalog plugins));
	$self->{log} = "$self->{dir}/engine.log";
	$self->{binary} //= builddir() . '/september-engine';
	$self->fill_catalog if !-e "$self->{dir}/catalog/agents";
	$self->fill_plugins;
	return $self;
}

sub start
{
	my ($class, %o) = @_;
	my $self = $class->new(%o);

	$self->launch;
	return $self;
}

sub fill_catalog
{
	my ($self) = @_;
	my $to = "$self->{dir}/catalog";
	my $from = $self->{catalog} // srcdir() . '/catalog';

	return copy_tree($from, $to) if $from ne 'none';
	spew("$to/agents/default/agent.json", { name => 'default',
	    description => 'An agent for tests.', tools => ['*'] });
	spew("$to/agents/default/system-prompt.md", "You are a test.\n");
	spew("$to/core_soul.json", { identity => 'A test engine.',
	    values => [], patterns => [] });
}

# Modules and their manifests side by side, as an installation has them.
sub fill_plugins
{
	my ($self) = @_;
	my ($b, $s, $to) = (builddir(), srcdir(), "$self->{dir}/plugins");
	my %want = map { $_ => 1 } @{ $self->{plugins} // [] };

	for my $so (glob "$b/plugins/.libs/*.so") {
		my ($name) = $so =~ m{/([^/]+)\.so\z};

		next if $self->{plugins} && !$want{$name};
		for my $f ($so, glob "$s/plugins/*/$name.json") {
			my $at = "$to/" . $f =~ s{.*/}{}r;

			next if -e $at;
			File::Copy::copy($f, $at) or die "$at: $!\n";
			chmod 0644, $at;
		}
	}
}

# A file of the catalog's copy; a reference is written as JSON. undef removes.
sub catalog_file
{
	my ($self, $path, $what) = @_;
	my $at = "$self->{dir}/catalog/$path";

	return unlink $at if !defined $what;
	spew($at, $what);
}

sub environment
{
	my ($self, %more) = @_;
	my $d = $self->{dir};
	my %env = (
		PATH => '/usr/local/bin:/usr/bin:/bin', LANG => 'C.UTF-8',
		HOME => "$d/home", TMPDIR => "$d/tmp",
		ENGINE_HOST => '127.0.0.1', ENGINE_PORT => 0,
		ENGINE_PORT_FILE => "$d/port",
		ENGINE_API_KEY => $self->{key},
		SQLITE_DB_PATH => "$d/data/brain.db",
		XDG_DATA_HOME => "$d/data", CATALOG_DIR => "$d/catalog",
		PLUGIN_PATH => "$d/plugins", ALLOWED_ROOTS => "$d/workspace",
	);

	if (my $llm = $self->{llm}) {
		my $p = $self->{provider} // 'openai';

		%env = (%env, LLM_PROVIDER => $p, LLM_MODEL => 'mock',
		    LLM_BASE_URL => $llm->base_url($p),
		    LLM_API_KEY => $llm->{key} // 'test-llm-key');
	}
	for (qw(LD_LIBRARY_PATH ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS
	    TSAN_OPTIONS GCOV_PREFIX GCOV_PREFIX_STRIP)) {
		$env{$_} = $ENV{$_} if defined $ENV{$_};
	}
	%env = (%env, %{ $self->{env} // {} }, %more);
	delete $env{$_} for grep { !defined $env{$_} } keys %env;
	return %env;
}

sub spawn
{
	my ($self, %more) = @_;
	my %env = $self->environment(%more);

	unlink "$self->{dir}/port";
	$self->{log_start} = -s $self->{log} // 0;
	my $pid = fork // die "fork: $!\n";

	if ($pid == 0) {
		# Not die: that would run the test's own endings here.
		chdir "$self->{dir}/tmp" or POSIX::_exit(126);
		open STDIN, '<', '/dev/null' or POSIX::_exit(126);
		open STDOUT, '>>', "$self->{dir}/stdout" or
		    POSIX::_exit(126);
		open STDERR, '>>', $self->{log} or POSIX::_exit(126);
		$SIG{$_} = 'DEFAULT' for qw(ALRM TERM INT PIPE);
		alarm 0;
		%ENV = %env;
		exec { $self->{binary} } 'september-engine',
		    @{ $self->{args} // [] } or print STDERR
		    "cannot run $self->{binary}: $!\n";
		POSIX::_exit(127);
	}
	$self->{pid} = $pid;
	$running{$pid} = $self;
}

# Starts and waits for the port. Values of %more join the environment.
sub launch
{
	my ($self, %more) = @_;
	my $end = time + $self->{wait} * ($ENV{SEPT_TIME_FACTOR} // 1);

	$self->spawn(%more);
	for (;;) {
		last if slurp("$self->{dir}/port") =~ /\A(\d+)\n/;
		die "the engine ended (" . ($self->{status} // '?') .
		    ") before it listened:\n" . $self->log_text
		    if $self->reap(0);
		if (time > $end) {
			$self->kill9;
			die "no port after $self->{wait} s:\n" .
			    $self->log_text;
		}
		sleep 0.005;
	}
	slurp("$self->{dir}/port") =~ /\A(\d+)/;
	$self->{port} = $1;
	$self->{http} = September::HTTP->new(port => $1,
	    headers => { 'X-Engine-Key' => $self->{key} });
	# It listens before plugins and catalog are loaded.
	while (!$self->{early} && time < $end) {
		my $h = eval { $self->get('/health') } or last;

		last if ($h->{json}{status} // '') ne 'starting';
		sleep 0.005;
	}
	return $self;
}

# An engine that must refuse to start: {status} (exit status or "signal N"),
# {stderr}.
sub refuse
{
	my ($class, %o) = @_;
	my $self = $class->new(%o);

	$self->spawn;
	if (!$self->reap($self->{wait})) {
		$self->kill9;
		die "the engine did start:\n" . $self->log_text;
	}
	$self->judge_log;
	return { status => $self->{status}, stderr => $self->log_text,
	    engine => $self };
}

# 1 when the process has ended within so many seconds; sets {status}.
sub reap
{
	my ($self, $wait) = @_;
	my $end = time + $wait;

	return 1 if !$self->{pid};
	for (;;) {
		my $r = waitpid $self->{pid}, WNOHANG;

		if ($r == $self->{pid} || $r < 0) {
			$self->{status} = $? & 127 ? 'signal ' . ($? & 127) :
			    $? >> 8;
			delete $running{ $self->{pid} };
			$self->{pid} = 0;
			return 1;
		}
		return 0 if time >= $end;
		sleep 0.005;
	}
}

sub signal
{
	my ($self, $name) = @_;

	return $self->{pid} ? kill $name, $self->{pid} : 0;
}

# TERM, waits, judges: one test that the end was clean.
sub stop
{
	my ($self, %o) = @_;
	my $wait = ($o{wait} // 40) * ($ENV{SEPT_TIME_FACTOR} // 1);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$self->signal('TERM');
	if (!$self->reap($wait)) {
		$self->kill9;
		Test::More::fail("the engine did not end within $wait s");
		Test::More::diag($self->log_tail);
		return;
	}
	Test::More::is($self->{status}, $o{status} // 0,
	    $o{name} // 'the engine ends well') or
	    Test::More::diag($self->log_tail);
	$self->judge_log;
}

# As a crash would.
sub kill9
{
	my ($self) = @_;

	$self->signal('KILL');
	$self->reap(20);
}

# After stop or kill9, on the same brain.
sub restart
{
	my ($self, %more) = @_;

	die "still running\n" if $self->{pid};
	return $self->launch(%more);
}

# Everything since the last start.
sub log_text
{
	my ($self) = @_;

	return substr slurp($self->{log}), $self->{log_start} // 0;
}

sub log_tail
{
	my ($self) = @_;
	my @l = split /^/, $self->log_text;

	return join '', @l > 40 ? @l[-40 .. -1] : @l;
}

# The JSON lines of the log, decoded; other lines are left out.
sub log_lines
{
	my ($self) = @_;

	return grep { ref eq 'HASH' } map {
		my $l = $_;
		eval { $json->decode($l) };
	} split /\n/, $self->log_text;
}

# What sanitizers and the watchdog had to say.
sub log_problems
{
	my ($self) = @_;
	# A sanitizer holds the loop by itself: time is judged without one.
	my $stalls = $self->{stalls} || ($ENV{SEPT_TIME_FACTOR} // 1) > 1;
	my @found = grep { /(?:ERROR|WARNING): \w+Sanitizer|runtime error:/ ||
	    (!$stalls && /the loop has been held/) }
	    split /\n/, $self->log_text;

	return grep { !$self->{allow} || $_ !~ $self->{allow} } @found;
}

sub judge_log
{
	my ($self) = @_;
	my @found = $self->log_problems;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return 1 if !@found;
	Test::More::fail('nothing in the log that must not be there');
	Test::More::diag("@found[0 .. ($#found > 4 ? 4 : $#found)]\n" .
	    (grep({ /Sanitizer|runtime error/ } @found) ?
	    substr($self->log_text, -8000) : ''));
	return 0;
}

# key => undef sends none, headers => {}, body or json, timeout.
sub request
{
	my ($self, $method, $path, %o) = @_;

	$o{headers} = { 'X-Engine-Key' => delete $o{key},
	    %{ $o{headers} // {} } } if exists $o{key};
	return $self->{http}->request($method, $path, %o);
}

sub get { my ($self, $p, %o) = @_; return $self->request(GET => $p, %o) }

sub delete
{
	my ($self, $p, %o) = @_;

	return $self->request(DELETE => $p, %o);
}

sub post
{
	my ($self, $p, $j, %o) = @_;

	return $self->request(POST => $p, json => $j, %o);
}

sub put
{
	my ($self, $p, $j, %o) = @_;

	return $self->request(PUT => $p, json => $j, %o);
}

sub escape
{
	my ($s) = @_;

	utf8::encode($s) if utf8::is_utf8($s);
	return $s =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger;
}

# Opens the stream of a turn; %o: options of the client (rcvbuf, ...).
sub execute
{
	my ($self, $body, %o) = @_;

	return $self->{http}->stream(POST => '/execute', json => $body, %o);
}

# task_id, after, after_id, follow; last_event_id goes into the header.
sub replay
{
	my ($self, %q) = @_;
	my %o;

	$o{headers} = { 'Last-Event-ID' => delete $q{last_event_id} }
	    if defined $q{last_event_id};
	$o{timeout} = delete $q{timeout} if defined $q{timeout};
	my $query = join '&', map { "$_=" . escape($q{$_}) } sort keys %q;

	return $self->{http}->stream(GET =>
	    '/execute/replay' . ($query ne '' ? "?$query" : ''), %o);
}

# What a stream said, in one hash.
sub digest
{
	my ($s) = @_;
	my %t = (stream => $s, status => $s->{status},
	    events => $s->{events}, text => '', thinking => '', tools => [],
	    results => [], usage => []);

	for my $ev (@{ $s->{events} }) {
		my ($name, $d) = ($ev->{event}, $ev->{data});

		if ($name eq 'text_delta') {
			$t{text} .= $d->{text};
		} elsif ($name eq 'thinking_delta') {
			$t{thinking} .= $d->{text};
		} elsif ($name eq 'tool_call') {
			push @{ $t{tools} }, $d;
		} elsif ($name eq 'tool_result') {
			push @{ $t{results} }, $d;
		} elsif ($name eq 'usage') {
			push @{ $t{usage} }, $d;
		} elsif ($name eq 'error') {
			$t{error} = $d;
		} elsif ($name eq 'hitl_request') {
			$t{hitl} = $d;
		} elsif ($name eq 'thread_lifecycle') {
			$t{ $d->{phase} } = $d;
			$t{turn_id} //= $d->{turn_id};
			$t{stop_reason} = $d->{stop_reason}
			    if defined $d->{stop_reason};
		}
	}
	return \%t;
}

# A whole turn. {text}, {thinking}, {tools}, {results}, {usage}, {error},
# {started}, {completed}, {errored}, {stop_reason}, {events}, {stream}.
sub turn
{
	my ($self, $task, $message, %more) = @_;
	my $timeout = delete $more{timeout};
	my $s = $self->execute({ task_id => $task, message => $message,
	    %more });

	$s->all($timeout // 30) if !$s->{refused};
	return digest($s);
}

# One test: the stream kept every rule. %o as for September::SSE::problems.
sub stream_ok
{
	my ($s, $name, %o) = @_;
	my @found = $s->problems(%o);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $ok = Test::More::ok(!@found, $name // 'the stream is well-formed');

	if (!$ok) {
		Test::More::diag($_) for @found > 10 ? @found[0 .. 9] :
		    @found;
		Test::More::diag('events: ' . $s->summary);
		Test::More::diag($s->{body}) if $s->{refused};
	}
	return $ok;
}

# The same, and that the turn completed.
sub turn_ok
{
	my ($t, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	push @{ $t->{stream}{found} }, 'did not complete: ' .
	    ($t->{error} ? "$t->{error}{error} $t->{error}{message}" :
	    $t->{stream}->summary) if !$t->{completed};
	return stream_ok($t->{stream}, $name // 'the turn completes');
}

# One test: the reply is that refusal, with the flat error object.
sub error_is
{
	my ($r, $status, $code, $name) = @_;
	my $j = $r->{json};
	my $good = $r->{status} == $status && ref $j eq 'HASH' &&
	    ($j->{error} // '') eq $code && ($j->{message} // '') ne '' &&
	    !ref $j->{message} && defined $r->{headers}{'x-request-id'};

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	Test::More::ok($good, $name // "$status $code") or
	    Test::More::diag("status $r->{status}, body " .
	    ($r->{body} // '(none)') . ', X-Request-Id ' .
	    ($r->{headers}{'x-request-id'} // '(none)'));
	return $good;
}

END {
	if ($$ == $owner) {
		my $status = $?;

		for my $e (values %running) {
			$e->kill9;
			if (my @found = $e->log_problems) {
				print "# in the engine's log: $_\n" for @found;
				$status ||= 1;
			}
		}
		$? = $status;
	}
}

1;
