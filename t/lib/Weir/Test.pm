# SPDX-License-Identifier: Apache-2.0
# Weir::Test - starts weir and scripted backends on free ports, and talks to them.
#
#   use Test::More;
#   use Weir::Test;
#
#   my $backend = backend(sub { my ($conn, $request) = @_; $conn->answer(200, "hello") });
#   my $weir = weir("sites = ( { listen = [ \"http://127.0.0.1:%port:web%\" ];
#                                proxy = { to = \"http://127.0.0.1:$backend->{port}\"; }; } );");
#   is get($weir, '/')->{body}, 'hello';
#   is scalar $backend->requests, 1;
#   done_testing;
#
# Perl's core modules only. Everything that waits does so for a condition, with a deadline. At the
# end of the file all that was started is ended; a weir that did not end cleanly, lost a worker, or
# wrote a sanitizer's report makes the file fail.
#
# Environment: WEIR (the binary), WEIR_SOURCE (the source tree), WEIR_TEST_DEADLINE (seconds a
# condition may take), WEIR_TEST_TIMEOUT (seconds a file may take), WEIR_TEST_REQUIRE_TOOLS (a
# missing tool fails instead of skipping), WEIR_TEST_KEEP (folders are kept), WEIR_TEST_WORKERS (where a
# test does not say how many).
package Weir::Test;
use strict;
use warnings;
use Digest::MD5 ();
use Exporter 'import';
use Fcntl qw(:mode);
use File::Basename ();
use File::Spec ();
use File::Temp ();
use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use JSON::PP ();
use POSIX qw(:sys_wait_h);
use Socket qw(SOCK_STREAM SOL_SOCKET SO_LINGER);
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw(weir run_weir check_config backend program gate client request get raw wait_for
    free_port closed_port new_dir write_file read_file need_tool make_certificate is_sanitized source_dir
    lib_dir blackhole modules_dir is_open_to);

our $DEADLINE = $ENV{WEIR_TEST_DEADLINE} || 15;
our $main_pid = $$;
my @running; # what has a stop(), in the order of its start
my $failed;  # something did not end as it should

$SIG{PIPE} = 'IGNORE';
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);
$SIG{ALRM} = sub { diag('the file takes too long'); exit 1 };
alarm($ENV{WEIR_TEST_TIMEOUT} || 300);

# ---- places and files ----

sub source_dir { return $ENV{WEIR_SOURCE} || File::Basename::dirname(__FILE__) . '/../../..' }
sub lib_dir { return source_dir() . '/t/lib' }

sub binary {
    my @paths = $ENV{WEIR} || map { "$_/weir" } '.', 'build', source_dir(), source_dir() . '/build';

    for my $path (@paths) {
        return $path if -x $path && !-d _;
    }
    die("no weir at @paths: set WEIR to the binary");
}

# Where the modules are that came with the binary, for tests of modules elsewhere.
sub modules_dir {
    my $built = File::Basename::dirname(binary()) . '/modules';
    return $built if -d $built;
    my (undef, $said) = run_weir('-V');
    return $said =~ /^modules\s+(\S+)/m ? $1 : die('weir -V names no folder of modules');
}

# A folder that goes away with the test.
sub new_dir {
    my $dir = File::Temp::tempdir('weir-test-XXXXXX', TMPDIR => 1, CLEANUP => !$ENV{WEIR_TEST_KEEP});

    chmod 0755, $dir;
    return $dir;
}

sub write_file {
    my ($path, $text) = @_;

    open my $file, '>:raw', $path or die "$path: $!";
    print {$file} $text;
    close $file or die "$path: $!";
    return $path;
}

sub read_file {
    my ($path) = @_;

    open my $file, '<:raw', $path or return '';
    local $/;
    my $text = <$file>;
    return defined $text ? $text : '';
}

# Skips the whole file when a program is missing; with WEIR_TEST_REQUIRE_TOOLS that is a failure.
sub need_tool {
    for my $tool (@_) {
        next if grep { -x "$_/$tool" } split(/:/, $ENV{PATH}), '/usr/sbin', '/sbin';
        die("$tool is not installed") if $ENV{WEIR_TEST_REQUIRE_TOOLS};
        plan(skip_all => "$tool is not installed");
    }
    $ENV{PATH} .= ':/usr/sbin:/sbin';
}

my $sanitized;
# Writes DIR/cert.pem and DIR/key.pem (other names by `name`): self-signed, for example.com and this
# machine unless `names` says otherwise. `key`: 'ec' or 'rsa'; `days` may be negative.
sub make_certificate {
    my ($dir, %with) = @_;
    my $name = $with{name} // 'cert';
    my $key = $name eq 'cert' ? 'key' : "$name-key";
    my @names = @{ $with{names} // ['example.com', '*.example.com', 'localhost'] };
    my $alt = join ',', (map { "DNS:$_" } @names), 'IP:127.0.0.1';
    need_tool('openssl');
    my @kind = ($with{key} // 'ec') eq 'rsa' ? ('rsa:2048') : ('ec', '-pkeyopt', 'ec_paramgen_curve:P-256');
    write_file("$dir/$name.ext", "subjectAltName=$alt\n");
    for my $command (
        ['req', '-new', '-newkey', @kind, '-nodes', '-subj', "/CN=$names[0]", '-keyout', "$dir/$key.pem",
            '-out', "$dir/$name.csr"],
        ['x509', '-req', '-in', "$dir/$name.csr", '-signkey', "$dir/$key.pem", '-days', $with{days} // 90,
            '-extfile', "$dir/$name.ext", '-out', "$dir/$name.pem"]) {
        my $pid = spawn($dir, 'openssl', @$command);
        waitpid $pid, 0;
        die "openssl $command->[0]: " . read_file("$dir/stderr") if $?;
    }
    return ("$dir/$name.pem", "$dir/$key.pem");
}

sub is_sanitized {
    $sanitized = read_file(binary()) =~ /__asan_init/ ? 1 : 0 unless defined $sanitized;
    return $sanitized;
}

# ---- waiting ----

my ($quiet, $quiet_writer);
pipe $quiet, $quiet_writer or die "pipe: $!";
my $clock = IO::Select->new($quiet); # never readable: a timeout on it is a pause between two looks

# Calls the block until it is true, and returns its value; nothing once the deadline has passed.
sub wait_for(&;$) {
    my ($condition, $seconds) = @_;
    my $end = time + ($seconds || $DEADLINE);

    while (1) {
        my $value = $condition->();
        return $value if $value;
        return if time > $end;
        $clock->can_read(0.005);
    }
}

# Readable, or at its end, before the deadline?
sub wait_readable {
    my ($handle, $seconds) = @_;

    return scalar IO::Select->new($handle)->can_read(defined $seconds ? $seconds : $DEADLINE);
}

# A barrier between processes: $gate->wait in a backend returns once the test calls $gate->open.
sub gate {
    pipe my $reader, my $writer or die "pipe: $!";
    $writer->autoflush(1);
    return bless { reader => $reader, writer => $writer }, 'Weir::Test::Gate';
}

# Below those that the kernel gives away by itself, and apart from those of tests that run beside this one.
my $next_port;

sub free_port {
    $next_port ||= 10000 + ($main_pid % 100) * 200;
    for (1 .. 1000) {
        my $port = $next_port++;
        return $port if IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => $port, Listen => 1);
    }
    die 'no free port';
}

# A port where nobody listens, and nobody else will as long as the test runs.
my @closed;

sub closed_port {
    my $socket = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Type => SOCK_STREAM)
        or die "no free port: $@";
    push @closed, $socket;
    return $socket->sockport;
}

# ---- processes ----

# Starts a program with its output in files. Returns its process number.
sub spawn {
    my ($dir, @command) = @_;
    my $pid = fork;

    die "fork: $!" unless defined $pid;
    return $pid if $pid;
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', "$dir/stdout";
    open STDERR, '>', "$dir/stderr";
    alarm 0;
    $SIG{$_} = 'DEFAULT' for qw(PIPE INT TERM HUP ALRM);
    exec { $command[0] } @command or POSIX::_exit(127);
}

sub runuser {
    my ($user) = @_;
    my ($tool) = grep { -x } qw(/usr/sbin/runuser /sbin/runuser);

    return ($tool // 'runuser', '-u', $user, '--');
}

# May that user run the binary under test? Not where root has built it in a folder of its own, such as /root.
sub is_open_to {
    my ($user) = @_;

    return $> != 0 || system(runuser($user), 'test', '-x', File::Spec->rel2abs(binary())) == 0;
}

# Runs weir to its end: (exit status, standard output, standard error). A leading hash may give
# { user => a name } to run it as when the test runs as root.
sub run_weir {
    my $o = ref $_[0] ? shift : {};
    my $dir = new_dir();
    my @command = (binary(), @_);

    if ($o->{user} && $> == 0) {
        unshift @command, runuser($o->{user});
    }
    my $pid = spawn($dir, @command);
    my $ended = wait_for { waitpid($pid, WNOHANG) == $pid } $o->{seconds} || 2 * $DEADLINE;
    my $status = $?;
    if (!$ended) {
        kill 'KILL', $pid;
        waitpid $pid, 0;
        return (-1, '', "@_ did not end: " . read_file("$dir/stderr"));
    }
    return ($status & 127 ? -($status & 127) : $status >> 8, read_file("$dir/stdout"),
        read_file("$dir/stderr"));
}

# What `weir -t` says about a text, named weir.conf: (exit status, messages). More files of a
# configuration folder may follow as NAME => TEXT; then the text is the first of them.
sub check_config {
    my ($text, %files) = @_;
    my $dir = new_dir();
    my $folder = %files ? "$dir/conf.d" : $dir;

    mkdir $folder;
    write_file("$folder/" . (%files ? '00-weir.conf' : 'weir.conf'), $text);
    write_file("$folder/$_", $files{$_}) for keys %files;
    my ($status, undef, $said) = run_weir('-t', '-c', %files ? $folder : "$folder/weir.conf");
    $said =~ s/\Q$folder\E\///g;
    return ($status, $said);
}

# Another program that serves on a port: its command, in which %port% and %dir% are replaced. It is
# up when that port (or, with `socket`, that path) accepts.
sub program {
    my ($command, %o) = @_;
    my $self = bless { dir => $o{dir} || new_dir(), port => $o{port} || free_port() },
        'Weir::Test::Program';
    my @command = map { s/%port%/$self->{port}/gr =~ s/%dir%/$self->{dir}/gr } @$command;

    $self->{pid} = spawn($self->{dir}, @command);
    push @running, $self;
    my $up = wait_for {
        waitpid($self->{pid}, WNOHANG) == $self->{pid} and return 'ended';
        IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $self->{port});
    };
    die("$command[0] does not start: " . read_file("$self->{dir}/stderr"))
        if !$up || !ref $up;
    return $self;
}

# Starts weir with a configuration text in which %dir% is a folder of its own and %port:NAME% a free
# port ($weir->port('NAME'); the default is 'web'). A `server` group is put in front of it.
# Options:
#   server => text     more for that group            workers => n   (1)       level => 'info'
#   bare => 1          the text is the whole configuration    dir => a folder to use
#   may_fail => 1      do not wait for it to serve: $weir->wait_end gives status and output
#   may_die => 1       workers may die                args => [ more arguments ]
#   mounts => command  run first, in a mount namespace of its own (root only)
sub weir {
    my ($text, %o) = @_;
    my $self = bless { dir => $o{dir} || new_dir(), ports => { %{ $o{ports} || {} } }, o => \%o },
        'Weir::Test::Server';

    $self->{conf} = "$self->{dir}/weir.conf";
    $self->configure($text);
    my @command = (binary(), '-c', $self->{conf}, @{ $o{args} || [] });
    if ($o{mounts}) { # a shell command, in a mount namespace of weir's own
        @command = ('unshare', '-m', 'sh', '-c', "$o{mounts} && exec \"\$@\"", 'sh', @command);
    }
    $self->{pid} = spawn($self->{dir}, @command);
    push @running, $self;
    return $self if $o{may_fail};
    my $up = wait_for {
        waitpid($self->{pid}, WNOHANG) == $self->{pid} and return 'ended';
        return $self->command('status') =~ /^ok\nstate +(serving|DEGRADED)$/m unless $o{bare};
        IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $self->port);
    };
    if (!$up || $up eq 'ended') {
        delete $self->{pid} if ($up || '') eq 'ended';
        diag($self->all_output);
        die('weir does not start');
    }
    return $self;
}

# ---- backends ----

# A server in a child process. The code is called for each request, as code->($conn, $request), or
# with raw => 1 once for each connection, as code->($conn), before anything is read. Its changes to
# variables stay in the child; $backend->requests tells what came, $conn->note leaves a word for
# $backend->notes. Options: unix => path, port, host, raw, lazy_body => 1 ($conn->read_body reads it).
sub backend {
    my ($code, %o) = @_;
    my $listen = $o{unix}
        ? IO::Socket::UNIX->new(Local => $o{unix}, Listen => 128)
        : IO::Socket::IP->new(LocalHost => $o{host} || '127.0.0.1', LocalPort => $o{port} || 0,
            Listen => 256, ReuseAddr => 1);

    die "backend: $@ $!" unless $listen;
    chmod 0777, $o{unix} if $o{unix};
    my $self = bless { port => $o{unix} ? 0 : $listen->sockport, journal => new_dir() . '/journal' },
        'Weir::Test::Backend';
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        setpgrp;
        @running = ();
        alarm 0;
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP ALRM);
        $SIG{CHLD} = 'IGNORE';
        Weir::Test::Backend::serve($listen, $code, $self->{journal}, \%o);
        POSIX::_exit(0);
    }
    setpgrp $pid, $pid; # whoever is first
    $self->{pid} = $pid;
    push @running, $self;
    return $self;
}

# A port where connecting neither succeeds nor fails: its queue is full, and nobody accepts. It
# lasts as long as what is returned.
sub blackhole {
    my $listen = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 1)
        or die "blackhole: $@";

    CORE::listen $listen, 0;
    my @fill = map {
        my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $listen->sockport, Blocking => 0);
        $socket->connect if $socket;
        $socket;
    } 1 .. 4;
    return { port => $listen->sockport, sockets => [$listen, @fill] };
}

# ---- clients ----

# A connection to weir (its default port, or port NAME), to a backend, to a port number, to a path,
# or to "[::1]:PORT".
sub client {
    my ($to, $name) = @_;
    my $port = !ref $to ? $to : $to->isa('Weir::Test::Server') ? $to->port($name) : $to->{port};
    my $host = $port =~ s/^\[?([^\/\]]+)\]?:// ? $1 : '127.0.0.1';
    my $socket = $port =~ m{^/}
        ? IO::Socket::UNIX->new(Peer => $port)
        : IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Timeout => $DEADLINE);

    die "connect to $port: $@ $!" unless $socket;
    return Weir::Test::Wire->new($socket);
}

# Sends bytes on a connection of their own and reads one response.
sub raw {
    my ($to, $bytes, $method) = @_;
    my $client = client($to);

    $client->send($bytes);
    my $response = $client->response($method);
    $response->{client} = $client;
    return $response;
}

# request($weir, METHOD, PATH, { Header => value or undef or [values] }, body)
sub request {
    my ($to, $method, $path, $headers, $body) = @_;
    my %h = (Host => 'test', Connection => 'close', %{ $headers || {} });

    $h{'Content-Length'} = length $body if defined $body && !exists $h{'Transfer-Encoding'};
    my $head = "$method $path HTTP/1.1\r\n";
    for my $name (sort keys %h) {
        $head .= "$name: $_\r\n" for grep { defined } ref $h{$name} ? @{ $h{$name} } : $h{$name};
    }
    return raw($to, "$head\r\n" . (defined $body ? $body : ''), $method);
}

sub get { my ($to, $path, %headers) = @_; return request($to, 'GET', $path, \%headers) }

# ---- the end ----

END {
    if ($$ == $main_pid) {
        my $status = $?;
        alarm 0;
        local $@;
        for my $one (reverse @running) {
            eval { $one->stop or $failed = 1; 1 } or do { diag($@); $failed = 1 };
        }
        diag('something that was started did not end cleanly') if $failed;
        $? = $status || ($failed ? 1 : 0);
    }
}

# ---- a running weir ----

package Weir::Test::Server;
use POSIX qw(:sys_wait_h);

sub port { my ($self, $name) = @_; return $self->{ports}{ $name || 'web' } }

# Writes the configuration; reload() makes it live.
sub configure {
    my ($self, $text) = @_;
    my %o = %{ $self->{o} };
    my $dir = $self->{dir};

    if (!$o{bare}) {
        my $user = $o{user} || ($> ? 'nobody' : 'root');
        $text = sprintf(
            'server = { workers = %d; user = "%s"; pid_file = "%%dir%%/weir.pid"; '
                . 'control = "%%dir%%/control.sock"; temp_path = "%%dir%%/temp"; '
                . 'error_log = { path = "%%dir%%/error.log"; level = "%s"; }; %s };' . "\n%s",
            $o{workers} || $ENV{WEIR_TEST_WORKERS} || 1, $user, $o{level} || 'info', $o{server} || '', $text);
    }
    $text =~ s/%dir%/$dir/g;
    $text =~ s/%port:(\w+)%/$self->{ports}{$1} ||= Weir::Test::free_port()/ge;
    Weir::Test::write_file($self->{conf}, $text);
    return $self;
}

# One command over the control socket: its answer, "ok..." or "error...".
sub command {
    my ($self, $command) = @_;
    my $socket = IO::Socket::UNIX->new(Peer => "$self->{dir}/control.sock") or return '';
    my $answer = '';

    syswrite $socket, "$command\n";
    while (Weir::Test::wait_readable($socket)) {
        sysread $socket, $answer, 65536, length $answer or last;
    }
    return $answer;
}

# Loads the configuration again: true once it serves. What was said is in $weir->{said}.
sub reload {
    my ($self, $text) = @_;

    $self->configure($text) if defined $text;
    $self->{said} = $self->command('reload');
    return $self->{said} =~ /^ok/;
}

sub error_log { return Weir::Test::read_file("$_[0]{dir}/error.log") }
sub all_output { return join '', map { Weir::Test::read_file("$_[0]{dir}/$_") } qw(stdout stderr error.log) }

# Waits for a line in the error log; returns it.
sub logged {
    my ($self, $pattern, $seconds) = @_;

    return Weir::Test::wait_for { (grep { /$pattern/ } split /\n/, $self->error_log)[0] } $seconds;
}

sub children {
    my ($pid) = @_;

    return split ' ', Weir::Test::read_file("/proc/$pid/task/$pid/children");
}

# master -> loader(s) -> workers
sub loader_pids { return children($_[0]{pid}) }
sub worker_pids { return map { children($_) } $_[0]->loader_pids }

sub signal { my ($self, $signal) = @_; return kill $signal, $self->{pid} }

# Waits until it ends by itself: its exit status, or nothing.
sub wait_end {
    my ($self, $seconds) = @_;
    my $pid = $self->{pid};

    Weir::Test::wait_for { waitpid($pid, WNOHANG) == $pid } $seconds or return;
    my $status = $?;
    delete $self->{pid};
    return $status & 127 ? -($status & 127) : $status >> 8;
}

# Ends it. True: it did so in time, with status 0, no worker died and no sanitizer complained.
sub stop {
    my ($self, $signal) = @_;
    my ($ended, $status) = (1, 0);

    return 1 if $self->{stopped}++;
    if (my $pid = delete $self->{pid}) {
        kill $signal || 'TERM', $pid;
        $ended = Weir::Test::wait_for { waitpid($pid, WNOHANG) == $pid } 30;
        $status = $?;
        if (!$ended) {
            kill 'KILL', $pid;
            waitpid $pid, 0;
        }
    }
    my $said = $self->all_output;
    my $bad = $said =~ /Sanitizer|runtime error:/
        || (!$self->{o}{may_die} && $said =~ /worker \d+ (died|ended with)|are killed/);
    return 1 if $ended && !$bad && ($status == 0 || $self->{o}{may_fail});
    Test::More::diag($ended ? "weir ended with status $status" : 'weir did not end');
    Test::More::diag(substr $said, -6000);
    return 0;
}

# ---- another program ----

package Weir::Test::Program;

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return 1;

    kill 'TERM', $pid;
    Weir::Test::wait_for { waitpid($pid, POSIX::WNOHANG()) == $pid } 5 and return 1;
    kill 'KILL', $pid;
    waitpid $pid, 0;
    return 1;
}

# ---- a barrier ----

package Weir::Test::Gate;

sub open { my ($self) = @_; return syswrite $self->{writer}, 'x' x 256 }

sub wait {
    my ($self, $seconds) = @_;

    return Weir::Test::wait_readable($self->{reader}, $seconds || 4 * $Weir::Test::DEADLINE)
        && sysread $self->{reader}, my $byte, 1;
}

# ---- a connection, from either side ----

package Weir::Test::Wire;
use Socket qw(SOL_SOCKET SO_LINGER SHUT_WR);
use Time::HiRes qw(time);

sub new {
    my ($class, $socket) = @_;

    binmode $socket;
    $socket->blocking(1);
    return bless { socket => $socket, buffer => '' }, $class;
}

# All of it, or false when the other side does not take it any more.
sub send {
    my ($self, $bytes) = @_;

    for (my $at = 0; $at < length $bytes;) {
        my $n = syswrite $self->{socket}, $bytes, length($bytes) - $at, $at or return 0;
        $at += $n;
    }
    return 1;
}

# More bytes into the buffer; 0 at the end or the deadline.
sub more {
    my ($self, $seconds) = @_;

    return 0 if $self->{ended} || !Weir::Test::wait_readable($self->{socket}, $seconds);
    my $n = sysread $self->{socket}, $self->{buffer}, 1048576, length $self->{buffer};
    $self->{ended} = $n ? undef : 1;
    $self->{error} = "$!" unless defined $n;
    return $n || 0;
}

# Until what has come matches; it is returned and leaves the buffer. Otherwise nothing.
sub until {
    my ($self, $pattern) = @_;
    my $end = time + $Weir::Test::DEADLINE;

    while (1) {
        return substr $self->{buffer}, 0, $+[0], '' if $self->{buffer} =~ $pattern;
        return if time > $end || !$self->more;
    }
}

# Exactly so many bytes, or fewer at the end.
sub take {
    my ($self, $n) = @_;

    while (length $self->{buffer} < $n) { $self->more or last }
    return substr $self->{buffer}, 0, $n, '';
}

# All there is until the other side closes. Without a clean end, $wire->{error} says why.
sub rest {
    my ($self) = @_;

    1 while $self->more;
    return substr $self->{buffer}, 0, length $self->{buffer}, '';
}

# Did the other side close? Waits for it.
sub is_closed {
    my ($self, $seconds) = @_;

    1 while $self->more($seconds);
    return $self->{ended} ? 1 : 0;
}

# Nothing comes for a moment, and it is still open.
sub is_quiet {
    my ($self, $seconds) = @_;

    return !$self->{ended} && $self->{buffer} eq ''
        && !Weir::Test::wait_readable($self->{socket}, $seconds || 0.2);
}

sub half_close { my ($self) = @_; return shutdown $self->{socket}, SHUT_WR }
sub close { my ($self) = @_; $self->{closed} = 1; return CORE::close $self->{socket} }

# Ends the connection with a reset.
sub reset {
    my ($self) = @_;

    setsockopt $self->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    return $self->close;
}

# The fields of a head: lower-cased name => value, repeated ones joined; and the lines.
sub parse_fields {
    my (@lines) = @_;
    my %headers;

    for (@lines) {
        my ($name, $value) = split /:[ \t]*/, $_, 2;
        my $key = lc $name;
        $value = '' unless defined $value;
        $headers{$key} = exists $headers{$key} ? "$headers{$key}, $value" : $value;
    }
    return \%headers;
}

sub read_head {
    my ($self) = @_;
    my $head = $self->until(qr/\r\n\r\n/) or return;

    return split /\r\n/, substr $head, 0, -4;
}

# One response:
#   { status, line, headers => { lower-cased name => value }, lines => [...], body, complete,
#     trailers => { ... }, interim => [ responses 1xx before it ] }
# status 0: none came. complete: the body ended as it said it would. With each_interim => 1 a 1xx
# is returned like any other; 101 always is.
sub response {
    my ($self, $method, %o) = @_;
    my @interim;

    while (1) {
        my ($line, @lines) = $self->read_head;
        my %r = (status => 0, line => defined $line ? $line : '', lines => \@lines, body => '',
            complete => 0, interim => \@interim, headers => parse_fields(@lines));
        my $response = bless \%r, 'Weir::Test::Response';
        return $response unless defined $line && $line =~ m{^HTTP/1\.[01] (\d{3})(?: |$)};
        $r{status} = $1;
        if ($r{status} < 200 && $r{status} != 101 && !$o{each_interim}) {
            push @interim, $response;
            next;
        }
        $self->read_body(\%r, ($method || '') eq 'HEAD' || $r{status} < 200 || $r{status} == 204
            || $r{status} == 304 ? 0 : 'until the end');
        return $response;
    }
}

# Reads the body that the fields of a message announce into it.
sub read_body {
    my ($self, $r, $default) = @_;
    my $length = $r->{headers}{'content-length'};

    $r->{complete} = 1;
    if (exists $r->{status} && !$default) {
        return;
    }
    if (lc($r->{headers}{'transfer-encoding'} || '') eq 'chunked') {
        $self->read_chunks($r);
    } elsif (defined $length) {
        $r->{body} = $self->take($length);
        $r->{complete} = length $r->{body} == $length ? 1 : 0;
    } elsif ($default) {
        $r->{body} = $self->rest;
        $r->{complete} = $self->{error} ? 0 : 1;
    }
}

# One chunk's data; '' is the last one, undef a premature or wrong end.
sub chunk {
    my ($self) = @_;
    my $line = $self->until(qr/\r\n/);

    return unless defined $line && $line =~ /^([0-9a-fA-F]+)(?:;.*)?\r\n/;
    my $size = hex $1;
    return '' if $size == 0;
    my $data = $self->take($size + 2);
    return if length $data != $size + 2 || substr($data, -2) ne "\r\n";
    return substr $data, 0, $size;
}

sub read_chunks {
    my ($self, $r) = @_;
    my @lines;

    while (1) {
        my $data = $self->chunk;
        if (!defined $data) { $r->{complete} = 0; return }
        last if $data eq '';
        $r->{body} .= $data;
        $r->{chunks}++;
    }
    while (1) {
        my $line = $self->until(qr/\r\n/);
        if (!defined $line) { $r->{complete} = 0; return }
        last if $line eq "\r\n";
        push @lines, substr $line, 0, -2;
    }
    $r->{trailers} = parse_fields(@lines);
}

package Weir::Test::Response;

sub header { my ($self, $name) = @_; return $self->{headers}{ lc $name } }

# Each line of that name, on its own.
sub all {
    my ($self, $name) = @_;

    return map { /^\Q$name\E:[ \t]*(.*)$/i ? $1 : () } @{ $self->{lines} };
}

# ---- a backend ----

package Weir::Test::Backend;
use JSON::PP ();

our @ISA = ('Weir::Test::Wire'); # what the code gets as $conn; the test holds one without a socket

my $json = JSON::PP->new->latin1->canonical->allow_nonref;

sub serve {
    my ($listen, $code, $journal, $o) = @_;
    my $number = 0;

    while (my $socket = $listen->accept) {
        $number++;
        my $pid = fork;
        if ($pid) { close $socket; next }
        CORE::close $listen;
        my $conn = Weir::Test::Wire::new(__PACKAGE__, $socket);
        @$conn{qw(number journal)} = ($number, $journal);
        $conn->record({ kind => 'connection' });
        my $fine = eval { $o->{raw} ? $code->($conn) : $conn->serve_requests($code, $o); 1 };
        $conn->record({ kind => 'died', text => "$@" }) unless $fine;
        CORE::close $socket unless $conn->{closed};
        POSIX::_exit(0);
    }
}

sub serve_requests {
    my ($conn, $code, $o) = @_;

    while (my ($line, @lines) = $conn->read_head) {
        my ($method, $path, $version) = split / /, $line;
        my $request = { method => $method, path => $path, version => $version, line => $line,
            lines => \@lines, headers => Weir::Test::Wire::parse_fields(@lines), body => '',
            connection => $conn->{number}, count => ++$conn->{count} };
        $conn->{request} = $request;
        bless $request, 'Weir::Test::Request';
        $conn->read_body($request) unless $o->{lazy_body};
        $conn->record({ kind => 'request', %$request, body => substr($request->{body}, 0, 65536),
            body_bytes => length $request->{body}, md5 => Digest::MD5::md5_hex($request->{body}) });
        $code->($conn, $request);
        last if $conn->{closed};
    }
}

# Keeps something for the test to read.
sub record {
    my ($conn, $what) = @_;

    open my $file, '>>:raw', $conn->{journal} or return;
    syswrite $file, $json->encode({ number => $conn->{number}, %$what }) . "\n";
}
sub note { my ($conn, $text) = @_; return $conn->record({ kind => 'note', text => $text }) }

# answer(200, "body", Name => value, ...): with its length, unless the fields say how it is framed.
sub answer {
    my ($conn, $status, $body, @fields) = @_;
    my $framed = $status == 204 || $status == 304;
    my $text = "HTTP/1.1 $status Text\r\n";

    $body = '' unless defined $body;
    while (my ($name, $value) = splice @fields, 0, 2) {
        $text .= "$name: $value\r\n";
        $framed ||= $name =~ /^(Content-Length|Transfer-Encoding)$/i;
    }
    $text .= 'Content-Length: ' . length($body) . "\r\n" unless $framed;
    return $conn->send("$text\r\n" . ($conn->{request} && $conn->{request}{method} eq 'HEAD' ? '' : $body));
}

# The head of a chunked answer; then chunks; last_chunk ends it, with trailer lines if given.
sub answer_chunked {
    my ($conn, $status, @fields) = @_;
    return $conn->answer($status, '', @fields, 'Transfer-Encoding' => 'chunked');
}
sub send_chunk { my ($conn, $data) = @_; return $conn->send(sprintf "%x\r\n%s\r\n", length $data, $data) }
sub last_chunk { my ($conn, @lines) = @_; return $conn->send("0\r\n" . join('', map { "$_\r\n" } @lines) . "\r\n") }

# ... and what the test asks:

# The last line may be half written yet.
sub journal { my ($self) = @_; return map { $json->decode($_) } Weir::Test::read_file($self->{journal}) =~ /^(.+)\n/mg }
sub of_kind { my ($self, $kind) = @_; return grep { $_->{kind} eq $kind } $self->journal }
sub requests { my ($self) = @_; return map { bless $_, 'Weir::Test::Request' } $self->of_kind('request') }
sub last_request { my ($self) = @_; return ($self->requests)[-1] }
sub connections { my ($self) = @_; return scalar(my @all = $self->of_kind('connection')) }
sub notes { my ($self) = @_; return map { $_->{text} } $self->of_kind('note') }
sub noted { my ($self, $text) = @_; return Weir::Test::wait_for { grep { $_ eq $text } $self->notes } }

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return 1;

    kill '-TERM', $pid;
    waitpid $pid, 0;
    my @died = map { $_->{text} } $self->of_kind('died');
    Test::More::diag("in a backend: $_") for @died;
    return !@died;
}

package Weir::Test::Request;
our @ISA = ('Weir::Test::Response');

1;
