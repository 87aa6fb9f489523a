# SPDX-License-Identifier: Apache-2.0
# A proxied request on kept connections costs one read and one write per side, and no epoll_ctl.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('strace');
plan skip_all => 'sanitizers make system calls of their own' if is_sanitized();
my $backend = backend(sub { $_[0]->answer(200, 'x' x 1000) });
my $weir = weir("sites = ( { listen = [ \"http://127.0.0.1:%port:web%\" ]; "
    . "proxy = { to = \"http://127.0.0.1:$backend->{port}\"; }; } );");
my $c = client($weir);
my $ask = sub { $c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); $c->response->{status} };
$ask->();
my ($worker) = $weir->worker_pids;
my $trace = new_dir() . '/trace';
my $pid = fork;
if (!$pid) { open STDERR, '>', "$trace.err"; exec 'strace', '-f', '-p', $worker, '-o', $trace }
plan skip_all => 'strace may not attach here'
    unless wait_for { read_file("$trace.err") =~ /attached|Operation not permitted/ }
    and read_file("$trace.err") !~ /not permitted/;
my $n = 50;
$ask->() for 1 .. $n;
kill 'INT', $pid;
waitpid $pid, 0;
my %calls;
my $text = read_file($trace);
$calls{$1}++ while $text =~ /^\d+\s+(\w+)\(/mg;
my $reads = ($calls{recvfrom} || 0) + ($calls{read} || 0) + ($calls{recvmsg} || 0);
my $writes = ($calls{sendto} || 0) + ($calls{sendmsg} || 0) + ($calls{writev} || 0) + ($calls{write} || 0);
cmp_ok $reads, '<=', 2 * $n + 4, "two reads per request ($reads for $n)";
cmp_ok $writes, '<=', 2 * $n + 4, "two writes per request ($writes for $n)";
cmp_ok $calls{epoll_ctl} || 0, '<=', 2, 'no epoll_ctl';
cmp_ok $calls{epoll_wait} || $calls{epoll_pwait} || 0, '<=', 2 * $n + 10, 'one wait per side';
done_testing;
