# SPDX-License-Identifier: Apache-2.0
# A worker that was taken over: what it can still do, tried by a module inside it.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $build = $ENV{WEIR_BUILD} || source_dir() . '/build';
my $mine = "$build/t/modules/.libs";
plan skip_all => 'the modules of the tests are not built' unless -e "$mine/intruder.so";
my ($www, $elsewhere) = (new_dir() . '/www', new_dir());
mkdir $www;
write_file("$www/a.txt", 'served');
write_file("$elsewhere/secret", 'secret');
chmod 0666, "$elsewhere/secret";
chmod 0777, $elsewhere; # the modes forbid nothing: what is refused, the sandbox refuses

sub config {
    my ($also) = @_;
    my %deeds = (shadow => ['read', '/etc/shadow'], read => ['read', "$elsewhere/secret"], root => ['read', "$www/a.txt"],
        write => ['write', "$elsewhere/secret"], make => ['write', "$elsewhere/new"], wwwroot => ['write', "$www/new"],
        log => ['write', '%dir%/logs/more'], exec => ['exec', '/bin/true'], fork => ['fork', ''], packets => ['packets', ''],
        chroot => ['chroot', '/'], declared => ['declared', '']);
    my $routes = join ', ', map { qq[{ exact = "/$_"; intruder = { do = "$deeds{$_}[0]"; to = "$deeds{$_}[1]"; }; }] } sort keys %deeds;
    return (qq[sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; static = { root = "$www"; };
        access_log = { path = "%dir%/logs/access.log"; }; routes = ( $routes ); } );],
        server => qq[modules_path = [ "$build/modules", "$mine" ]; $also]);
}

my $weir = weir(config(''));
my $can = sub { my $r = get($weir, "/$_[0]"); $r->{status} == 200 ? $r->{body} : $r->{status} };
is $can->('a.txt'), 'served', 'it serves';
my ($pid) = $weir->worker_pids;
my $status = read_file("/proc/$pid/status");
like $status, qr/^$_:\s+0+$/m, "$_ is empty" for qw(CapEff CapPrm CapAmb);
like $status, qr/^NoNewPrivs:\s+1$/m, 'no new privileges';

SKIP: {
    skip 'this kernel has no Landlock', 7 if $weir->error_log =~ /has no Landlock/;
    is $can->('root'), 'done', 'its root is readable';
    is $can->('log'), 'done', 'the folder of its log is writable';
    is $can->($_), 'Permission denied', $_ for qw(shadow read write make wwwroot);
}
SKIP: {
    skip 'sanitizers do without the filter', 7 if is_sanitized();
    like $status, qr/^Seccomp:\s+2$/m, 'a filter of system calls';
    is $can->($_), 'Operation not permitted', $_ for qw(exec fork packets chroot);
    ok $weir->logged(qr/module intruder called execve \(number \d+\), which workers may not/), 'the log names call and module';
    is $can->('declared'), 'done', 'what a module has declared is allowed';
}

my $open = weir(config('sandbox = false;'));
$weir = $open;
is $can->('read'), 'done', 'server.sandbox = false switches it off';
$open->stop;

my $limits = weir('sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = {}; } );', server => 'connections = 5000000;');
get($limits, '/');
my ($limited) = $limits->worker_pids;
my ($files) = read_file("/proc/$limited/limits") =~ /^Max open files\s+(\d+)/m;
ok $files >= 10_000_256 || $limits->logged(qr/server\.connections = 5000000 may need 10000256 open files, and $files are allowed: raise/),
    'open files: as many as the connections need, or a warning';
done_testing;
