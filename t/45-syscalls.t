# SPDX-License-Identifier: Apache-2.0
# A proxied request on kept connections costs one read and one write per side, and no epoll_ctl; of a
# TLS connection the end goes along with the last answer.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('strace', 'curl');
plan skip_all => 'sanitizers make system calls of their own' if is_sanitized();
my $backend = backend(sub { $_[0]->answer(200, 'x' x 1000) });
my ($cert, $key) = make_certificate(new_dir());
my $weir = weir("sites = ( { listen = [ \"http://127.0.0.1:%port:web%\", \"https://127.0.0.1:%port:tls%\" ]; "
    . "tls = { certificate = \"$cert\"; key = \"$key\"; }; "
    . "proxy = { to = \"http://127.0.0.1:$backend->{port}\"; }; } );");
my $c = client($weir);
my $ask = sub { $c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); $c->response->{status} };
$ask->();
my ($worker) = $weir->worker_pids;
my $dir = new_dir();
my $may_trace = 1;

# How often the worker makes each system call while the block runs.
sub calls_of(&) {
    my ($block) = @_;
    my ($trace, %calls) = ("$dir/trace");
    my $pid = fork;
    if (!$pid) { open STDERR, '>', "$trace.err"; exec 'strace', '-f', '-p', $worker, '-o', $trace }
    $may_trace = wait_for { read_file("$trace.err") =~ /attached|Operation not permitted/ }
        && read_file("$trace.err") !~ /not permitted/;
    $block->() if $may_trace;
    kill 'INT', $pid;
    waitpid $pid, 0;
    my $text = read_file($trace);
    unlink "$trace.err";
    $calls{$1}++ while $text =~ /^\d+\s+(\w+)\(/mg;
    $calls{reads} = ($calls{recvfrom} || 0) + ($calls{read} || 0) + ($calls{recvmsg} || 0);
    $calls{writes} = ($calls{sendto} || 0) + ($calls{sendmsg} || 0) + ($calls{writev} || 0) + ($calls{write} || 0);
    return \%calls;
}

my $n = 50;
my $calls = calls_of { $ask->() for 1 .. $n };
plan skip_all => 'strace may not attach here' unless $may_trace;
cmp_ok $calls->{reads}, '<=', 2 * $n + 4, "two reads per request ($calls->{reads} for $n)";
cmp_ok $calls->{writes}, '<=', 2 * $n + 4, "two writes per request ($calls->{writes} for $n)";
cmp_ok $calls->{epoll_ctl} || 0, '<=', 2, 'no epoll_ctl';
cmp_ok $calls->{epoll_wait} || $calls->{epoll_pwait} || 0, '<=', 2 * $n + 10, 'one wait per side';

my $curl = 'curl -sk -o /dev/null -w %{http_code} -H Connection:close https://127.0.0.1:' . $weir->port('tls');
$calls = calls_of { is scalar `$curl`, '200', 'a request over TLS' for 1 .. 10 };
cmp_ok $calls->{writes}, '<=', 4 * 10 + 2,
    "it takes four writes: flight, ticket, backend, answer with the end ($calls->{writes} for 10)";
done_testing;
