# SPDX-License-Identifier: Apache-2.0
# Weir::Test - starts weir and scripted backends on free ports, and talks to them.
#
#   my $backend = backend(sub { my ($conn) = @_; $conn->answer(200, "hello") });
#   my $weir = weir("sites = ( { listen = [ \"http://127.0.0.1:%port:web%\" ];
#                                proxy = { to = \"http://127.0.0.1:$backend->{port}\"; }; } );");
#   is get($weir, "/")->{body}, "hello";
#
# Everything that waits does so for a condition, with a deadline; nothing sleeps.
package Weir::Test;
use strict;
use warnings;
use Exporter 'import';
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw(:sys_wait_h);
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw(weir backend get request raw connect_to read_response read_until wait_for
    free_port write_file read_file run_weir need_tool wait_a_moment source_dir);

my $DEADLINE = $ENV{WEIR_TEST_DEADLINE} || 15;
my @running;
my $main_pid = $$;

sub source_dir { $ENV{WEIR_SOURCE} || '.' }

sub binary {
    return $ENV{WEIR} if $ENV{WEIR};
    for my $path ('./weir', './build/weir') { return $path if -x $path }
    BAIL_OUT("no weir: set WEIR to the binary");
}

# Ends a test file when a program is missing, unless WEIR_TEST_REQUIRE_TOOLS says it must be there.
sub need_tool {
    for my $tool (@_) {
        next if grep { -x "$_/$tool" } split(/:/, $ENV{PATH}), '/usr/sbin', '/sbin';
        BAIL_OUT("$tool is not installed") if $ENV{WEIR_TEST_REQUIRE_TOOLS};
        plan(skip_all => "$tool is not installed");
    }
}

sub free_port {
    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1)
        or die "no free port: $!";
    return $s->sockport;
}

sub write_file {
    my ($path, $text) = @_;
    open my $f, '>:raw', $path or die "$path: $!";
    print {$f} $text;
    close $f or die "$path: $!";
    return $path;
}

sub read_file {
    my ($path) = @_;
    open my $f, '<:raw', $path or return '';
    local $/;
    my $text = <$f>;
    return defined $text ? $text : '';
}

# A few milliseconds, on a pipe that nobody writes to.
sub wait_a_moment {
    pipe my $r, my $w or die "pipe: $!";
    IO::Select->new($r)->can_read(0.01);
}

# Until the block is true. Returns its value, or nothing after the deadline.
sub wait_for(&;$) {
    my ($condition, $seconds) = @_;
    my $end = time + ($seconds || $DEADLINE);
    while (1) {
        my $value = $condition->();
        return $value if $value;
        return if time > $end;
        wait_a_moment();
    }
}

# ---- weir ----

# Starts weir with a configuration text, in which %dir% is a folder of its own and %port:NAME% a free
# port. Options: expect_failure (do not wait for it to listen), server (more of the group `server`),
# dir (use this folder).
sub weir {
    my ($text, %o) = @_;
    my $dir = $o{dir} || tempdir("weir-test-XXXXXX", TMPDIR => 1, CLEANUP => 1);
    chmod 0755, $dir;
    my $self = bless { dir => $dir, ports => $o{ports} || {}, conf => "$dir/weir.conf" },
        'Weir::Test::Server';
    $self->configure($text, %o);
    pipe my $r, my $w;
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        open STDOUT, '>', "$dir/stdout";
        open STDERR, '>', "$dir/stderr";
        open STDIN, '<', '/dev/null';
        exec binary(), '-c', $self->{conf} or POSIX::_exit(127);
    }
    $self->{pid} = $pid;
    push @running, $self;
    return $self if $o{expect_failure};
    my $up = wait_for {
        waitpid($pid, WNOHANG) == $pid and return 'ended';
        -S "$dir/control.sock" && $self->command('status') =~ /generation  [1-9]/;
    };
    if (!$up || $up eq 'ended') {
        delete $self->{pid} if ($up || '') eq 'ended';
        diag(read_file("$dir/stderr"), read_file("$dir/error.log"));
        BAIL_OUT("weir does not start");
    }
    return $self;
}

# Runs the binary to its end. Returns (exit status, standard output, standard error).
sub run_weir {
    my @args = @_;
    my $dir = tempdir("weir-run-XXXXXX", TMPDIR => 1, CLEANUP => 1);
    my $pid = fork;
    if (!$pid) {
        open STDOUT, '>', "$dir/out";
        open STDERR, '>', "$dir/err";
        open STDIN, '<', '/dev/null';
        exec binary(), @args or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    return ($? >> 8, read_file("$dir/out"), read_file("$dir/err"));
}

package Weir::Test::Server;
use IO::Socket::UNIX;
use POSIX qw(:sys_wait_h);

sub port { my ($self, $name) = @_; return $self->{ports}{ $name || 'web' } }

# Writes the configuration; reload() makes it live.
sub configure {
    my ($self, $text, %o) = @_;
    my $dir = $self->{dir};
    my $more = $o{server} || '';
    my $workers = $o{workers} || 1;
    my $level = $o{level} || 'info';
    $text = "server = { workers = $workers; user = \"" . ($> ? 'nobody' : 'root')
        . "\"; pid_file = \"%dir%/weir.pid\"; control = \"%dir%/control.sock\";\n"
        . "  error_log = { path = \"%dir%/error.log\"; level = \"$level\"; }; $more };\n$text"
        unless $o{bare};
    $text =~ s/%dir%/$dir/g;
    $text =~ s/%port:(\w+)%/$self->{ports}{$1} ||= Weir::Test::free_port()/ge;
    Weir::Test::write_file($self->{conf}, $text);
}

# One command over the control socket; its answer.
sub command {
    my ($self, $command) = @_;
    my $s = IO::Socket::UNIX->new(Peer => "$self->{dir}/control.sock") or return '';
    print {$s} "$command\n";
    local $/;
    my $answer = <$s>;
    return defined $answer ? $answer : '';
}

sub reload { return $_[0]->command('reload') }
sub log_text { return Weir::Test::read_file("$_[0]{dir}/error.log") }

sub worker_pids {
    my ($self) = @_;
    my ($loader) = $self->command('status') =~ /loader\s+(\d+)/ or return;
    return split ' ', Weir::Test::read_file("/proc/$loader/task/$loader/children");
}

# Ends it and says whether it ended as it should; a sanitizer's report is a failure.
sub stop {
    my ($self, $signal) = @_;
    my $pid = delete $self->{pid} or return 1;
    kill $signal || 'TERM', $pid;
    my $ended = Weir::Test::wait_for { waitpid($pid, WNOHANG) == $pid } 20;
    my $status = $?;
    kill 'KILL', $pid unless $ended;
    my $all = Weir::Test::read_file("$self->{dir}/stderr") . $self->log_text;
    my $bad = $all =~ /(AddressSanitizer|LeakSanitizer|runtime error|died of signal)/;
    if (!$ended || $status || ($bad && !$self->{may_die})) {
        Test::More::diag("weir ended with status $status: $all");
        return 0;
    }
    return 1;
}

package Weir::Test;

# ---- clients ----

sub connect_to {
    my ($to) = @_;
    my $port = ref $to ? $to->port : $to;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => $DEADLINE)
        or die "connect to $port: $!";
    binmode $s;
    $s->autoflush(1);
    return $s;
}

# Reads until the text so far matches, or the end. Returns the text.
sub read_until {
    my ($s, $pattern, $text) = @_;
    $text = '' unless defined $text;
    my $end = time + $DEADLINE;
    my $select = IO::Select->new($s);
    while ($text !~ $pattern) {
        last if time > $end || !$select->can_read($end - time);
        my $n = sysread $s, $text, 65536, length $text;
        last if !$n;
    }
    return $text;
}

sub read_more {
    my ($s, $buffer) = @_;
    my $end = time + $DEADLINE;
    return 0 unless IO::Select->new($s)->can_read($DEADLINE);
    my $n = sysread $s, $$buffer, 262144, length $$buffer;
    return $n || 0;
}

# One response: { status, line, headers => {lower => value}, lines => [...], body, complete, rest }.
# $$buffer keeps what came too early.
sub read_response {
    my ($s, $method, $buffer) = @_;
    my $own = '';
    $buffer ||= \$own;
    $method ||= 'GET';
    while ($$buffer !~ /\r\n\r\n/) {
        read_more($s, $buffer) or return { status => 0, body => $$buffer, headers => {}, lines => [] };
    }
    my ($head) = $$buffer =~ /^(.*?\r\n)\r\n/s;
    substr($$buffer, 0, length($head) + 2) = '';
    my ($line, @lines) = split /\r\n/, $head;
    my %r = (line => $line, lines => \@lines, headers => {}, body => '', complete => 1);
    ($r{status}) = $line =~ m{^HTTP/1\.1 (\d+)};
    for (@lines) {
        my ($name, $value) = split /:\s*/, $_, 2;
        my $key = lc $name;
        $r{headers}{$key} = exists $r{headers}{$key} ? "$r{headers}{$key}, $value" : $value;
    }
    return \%r if $method eq 'HEAD' || $r{status} < 200 || $r{status} == 204 || $r{status} == 304;
    if (($r{headers}{'transfer-encoding'} || '') eq 'chunked') {
        read_chunks($s, $buffer, \%r);
    } elsif (defined(my $n = $r{headers}{'content-length'})) {
        while (length $$buffer < $n) { read_more($s, $buffer) or last }
        $r{complete} = length $$buffer >= $n ? 1 : 0;
        $r{body} = substr $$buffer, 0, $n, '';
    } else {
        1 while read_more($s, $buffer);
        $r{body} = $$buffer;
        $$buffer = '';
    }
    return \%r;
}

sub read_chunks {
    my ($s, $buffer, $r) = @_;
    while (1) {
        while ($$buffer !~ /^([0-9a-fA-F]+)\r\n/) {
            if (!read_more($s, $buffer)) { $r->{complete} = 0; return }
        }
        my $size = hex $1;
        substr($$buffer, 0, length($1) + 2) = '';
        if ($size == 0) {
            while ($$buffer !~ /^(.*?\r\n)?\r\n/s) {
                if (!read_more($s, $buffer)) { $r->{complete} = 0; return }
            }
            $$buffer =~ s/^((?:[^\r\n]+\r\n)*)\r\n//s;
            $r->{trailers} = $1;
            return;
        }
        while (length $$buffer < $size + 2) {
            if (!read_more($s, $buffer)) { $r->{complete} = 0; $r->{body} .= $$buffer; return }
        }
        $r->{body} .= substr $$buffer, 0, $size, '';
        substr($$buffer, 0, 2) = '';
    }
}

# Sends bytes on a new connection and reads one response. `closed` tells whether weir then closed.
sub raw {
    my ($to, $bytes, $method) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $s = connect_to($to);
    syswrite $s, $bytes;
    my $buffer = '';
    my $r = read_response($s, $method, \$buffer);
    $r->{socket} = $s;
    $r->{rest} = $buffer;
    return $r;
}

# request($weir, METHOD, PATH, {Header => value}, body)
sub request {
    my ($to, $method, $path, $headers, $body) = @_;
    my %h = (Host => 'test', Connection => 'close', %{ $headers || {} });
    $h{'Content-Length'} = length $body if defined $body && !$h{'Transfer-Encoding'};
    my $head = join '', map { defined $h{$_} ? "$_: $h{$_}\r\n" : '' } sort keys %h;
    return raw($to, "$method $path HTTP/1.1\r\n$head\r\n" . (defined $body ? $body : ''), $method);
}

sub get { my ($to, $path, %headers) = @_; return request($to, 'GET', $path, \%headers) }

# ---- backends ----

# A server in a child of ours. The code is called for each request with an object that has method, path,
# version, head, headers, body and answers: answer(status, body, headers...), send(bytes), close.
# Options: unix => path; raw => 1: the code gets the accepted socket before anything is read.
# Each request's head and body are kept: $backend->requests.
sub backend {
    my ($code, %o) = @_;
    my $listen = $o{unix}
        ? IO::Socket::UNIX->new(Local => $o{unix}, Listen => 64)
        : IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $o{port} || 0, Listen => 256,
            ReuseAddr => 1);
    die "backend: $!" unless $listen;
    my $port = $o{unix} ? 0 : $listen->sockport;
    my $log = tempdir("weir-backend-XXXXXX", TMPDIR => 1, CLEANUP => 1) . '/log';
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        $SIG{PIPE} = 'IGNORE';
        $SIG{TERM} = 'DEFAULT';
        $SIG{CHLD} = 'IGNORE';
        @running = ();
        serve($listen, $code, $log, \%o);
        POSIX::_exit(0);
    }
    my $self = bless { port => $port, pid => $pid, log => $log }, 'Weir::Test::Backend';
    push @running, $self;
    return $self;
}

sub serve {
    my ($listen, $code, $log, $o) = @_;
    my $number = 0;
    while (my $s = $listen->accept) {
        $number++;
        my $pid = fork;
        next if $pid;
        binmode $s;
        $s->autoflush(1);
        close $listen;
        note_line($log, "connection $number\n");
        if ($o->{raw}) {
            $code->($s, $number);
        } else {
            my $buffer = '';
            my $count = 0;
            while (my $request = read_request($s, \$buffer, $number, ++$count, $log, $o)) {
                $code->($request);
                last if $request->{closed};
            }
        }
        close $s;
        POSIX::_exit(0);
    }
}

sub note_line {
    my ($log, $text) = @_;
    open my $f, '>>:raw', $log or return;
    syswrite $f, $text;
}

sub read_request {
    my ($s, $buffer, $connection, $count, $log, $o) = @_;
    while ($$buffer !~ /\r\n\r\n/) {
        my $n = sysread $s, $$buffer, 262144, length $$buffer;
        return unless $n;
    }
    my ($head) = $$buffer =~ /^(.*?\r\n)\r\n/s;
    substr($$buffer, 0, length($head) + 2) = '';
    my ($line, @lines) = split /\r\n/, $head;
    my ($method, $path, $version) = split / /, $line;
    my %headers;
    for (@lines) {
        my ($name, $value) = split /:\s*/, $_, 2;
        $headers{ lc $name } = exists $headers{ lc $name } ? "$headers{lc $name}, $value" : $value;
    }
    my $r = bless { method => $method, path => $path, version => $version, head => $head,
        headers => \%headers, socket => $s, connection => $connection, count => $count, body => '',
        buffer => $buffer }, 'Weir::Test::Request';
    note_line($log, join('', map { "< $_\n" } $line, @lines) . "\n");
    $r->read_body unless $o->{lazy_body};
    return $r;
}

package Weir::Test::Request;

sub read_body {
    my ($r) = @_;
    my %r = (body => '', complete => 1);
    if (($r->{headers}{'transfer-encoding'} || '') eq 'chunked') {
        Weir::Test::read_chunks($r->{socket}, $r->{buffer}, \%r);
    } elsif (my $n = $r->{headers}{'content-length'}) {
        while (length ${ $r->{buffer} } < $n) {
            Weir::Test::read_more($r->{socket}, $r->{buffer}) or last;
        }
        $r{body} = substr ${ $r->{buffer} }, 0, $n, '';
    }
    $r->{body} = $r{body};
    $r->{trailers} = $r{trailers};
    return $r{body};
}

sub send { my ($r, $bytes) = @_; syswrite $r->{socket}, $bytes }
sub close { my ($r) = @_; $r->{closed} = 1 }

sub answer {
    my ($r, $status, $body, @headers) = @_;
    my $text = "HTTP/1.1 $status X\r\n";
    my $framed = 0;
    while (my ($name, $value) = splice @headers, 0, 2) {
        $text .= "$name: $value\r\n";
        $framed ||= $name =~ /^(Content-Length|Transfer-Encoding)$/i;
    }
    $text .= 'Content-Length: ' . length($body) . "\r\n" unless $framed;
    $r->send("$text\r\n" . ($r->{method} eq 'HEAD' ? '' : $body));
}

package Weir::Test::Backend;

sub port { return $_[0]{port} }
sub log_text { return Weir::Test::read_file($_[0]{log}) }
# The heads that came, as texts of "name: value" lines.
sub requests { my ($self) = @_; return map { s/^< //mgr } $self->log_text =~ /((?:^< .*\n)+)/mg }
sub connections { my ($self) = @_; return scalar(() = $self->log_text =~ /^connection /mg) }

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return 1;
    kill 'TERM', $pid;
    waitpid $pid, 0;
    return 1;
}

package Weir::Test;

# At the end everything is stopped; a weir that ends badly fails the file.
END {
    if ($$ == $main_pid) {
        my $status = $?;
        my $fine = 1;
        $fine &= $_->stop for grep { ref eq 'Weir::Test::Server' } @running;
        $_->stop for grep { ref ne 'Weir::Test::Server' } @running;
        $? = $status || ($fine ? 0 : 1);
    }
}

1;
