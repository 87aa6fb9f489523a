# SPDX-License-Identifier: Apache-2.0
# The cache's store: one fetch for many clients, restarts, damaged and missing files, full disks,
# bounds, and workers that are killed while they write.
use strict;
use warnings;
use Digest::MD5 'md5_hex';
use File::Find;
use Test::More;
use Time::HiRes 'time';
use Weir::Test;

my $stress = $ENV{WEIR_STRESS} || 0;
my %gates = map { $_ => gate() } 'a' .. 'f';
sub gate_of { my ($path) = @_; return $gates{ ($path =~ m{/([a-f])(?:\?|$)})[0] } }
# /SIZE/NAME: so many bytes of its own; /slow/SIZE/NAME half of it, then the rest once the gate is
# open; /cut/... ends in the middle; ?chunked.
sub content { my ($path) = @_; my ($size) = $path =~ m{/(\d+)/}; my $unit = md5_hex($path); return substr($unit x ($size / 32 + 1), 0, $size) }
my $backend = backend(sub {
    my ($conn, $request) = @_;
    my $body = content($request->{path});
    my $half = int(length($body) / 2);
    my @fields = ('Cache-Control' => 'max-age=3600', ETag => '"' . md5_hex($body) . '"');
    if ($request->{path} =~ /chunked/) {
        $conn->answer_chunked(200, @fields);
        $conn->send_chunk(substr $body, 0, $half);
        gate_of($request->{path})->wait if $request->{path} =~ m{^/slow};
        return $conn->close if $request->{path} =~ m{^/cut};
        $conn->send_chunk(substr $body, $half);
        return $conn->last_chunk;
    }
    return $conn->answer(200, $body, @fields) if $request->{path} !~ m{^/(slow|cut)};
    $conn->send("HTTP/1.1 200 OK\r\nContent-Length: " . length($body) . "\r\n"
        . join('', map { "$fields[2 * $_]: $fields[2 * $_ + 1]\r\n" } 0, 1) . "\r\n" . substr $body, 0, $half);
    gate_of($request->{path})->wait;
    return $conn->close if $request->{path} =~ m{^/cut};
    $conn->send(substr $body, $half);
});

sub site {
    my ($zone, $more) = @_;
    return "cache = { files = { $zone }; }; sites = ( { listen = [ \"http://127.0.0.1:%port:web%\" ];"
        . " proxy = { to = \"http://127.0.0.1:$backend->{port}\"; }; cache = { zone = \"files\"; " . ($more // '') . " };"
        . ' headers = { response = { set = { X-Cache-Status = "$upstream_cache_status"; }; }; }; } );';
}
sub word { my ($r) = @_; return $r->header('X-Cache-Status') // '' }
sub asked { my ($path) = @_; return scalar grep { $_->{path} eq $path } $backend->requests }
sub files { my ($dir) = @_; my @f; find(sub { push @f, $File::Find::name if -f && /^[0-9a-f]{32}$/ }, $dir); return sort @f }
sub right { my ($weir, $path) = @_; my $r = get($weir, $path); return $r->{status} == 200 && $r->{complete} && $r->{body} eq content($path) }

# ---- many clients, one fetch ----
my $dir = new_dir();
mkdir "$dir/cache";
chmod 0777, "$dir/cache";
my $weir = weir(site('path = "%dir%/cache"; memory = "4m";'), dir => $dir, workers => 2);
for my $path ('/slow/1000/a', '/slow/3000000/b', '/slow/100000/c?chunked', '/slow/3000000/d?chunked') {
    my @clients = map { my $c = client($weir); $c->send("GET $path HTTP/1.1\r\nHost: test\r\n\r\n"); $c } 1 .. 40;
    ok wait_for { asked($path) }, "$path: asked";
    gate_of($path)->open;
    my @answers = map { $_->response } @clients;
    is scalar(grep { $_->{complete} && $_->{body} eq content($path) } @answers), 40, '... all have the whole';
    is asked($path), 1, '... of one fetch';
    is scalar(grep { word($_) eq 'HIT' } @answers), 39, '... and 39 followed';
}
for my $path ('/cut/3000000/e', '/cut/3000000/f?chunked') {
    my @clients = map { my $c = client($weir); $c->send("GET $path HTTP/1.1\r\nHost: test\r\n\r\n"); $c } 1 .. 10;
    ok wait_for { asked($path) }, "$path: asked";
    gate_of($path)->open;
    is scalar(grep { $_->response->{complete} } @clients), 0, '... nobody takes the half for whole';
    isnt word(get($weir, $path)), 'HIT', '... and it is not stored';
}

# ---- restarts and damage ----
my @paths = map { "/" . (($_ * 7919) % 40000 + 1) . "/r$_" } 1 .. 120;
push @paths, '/2000000/large1', '/2000000/large2';
ok right($weir, $_), 'fetched' for @paths[0, -1];
get($weir, $_) for @paths;
my $before = $backend->requests;
is scalar(grep { right($weir, $_) } @paths), @paths, 'the second pass: equal bodies';
is scalar($backend->requests), $before, '... without the backend';
$weir->stop or fail 'it ends cleanly';
$weir = weir(site('path = "%dir%/cache"; memory = "4m";'), dir => $dir, workers => 2);
is scalar(grep { right($weir, $_) } @paths), @paths, 'after a restart: equal bodies';
is scalar($backend->requests), $before, '... without the backend';
my @files = files("$dir/cache");
cmp_ok scalar(@files), '>=', 120, 'they are in files';
my $n = 0;
sub damage {
    my ($file) = @_;
    my $size = -s $file;
    my $how = $n++ % 4;
    return truncate $file, int($size / 2) if $how == 0;
    return unlink $file if $how == 3;
    open my $f, '+<:raw', $file or die $!;
    seek $f, $how == 1 ? 0 : int($size / 2), 0;
    print $f 'damaged!';
    close $f;
}
damage($files[10 * $_]) for 0 .. 11;
is scalar(grep { right($weir, $_) } @paths), @paths, 'files are damaged while it runs: still all right';
$weir->stop;
damage($files[10 * $_ + 5]) for 0 .. 11;
$before = $backend->requests;
$weir = weir(site('path = "%dir%/cache"; memory = "4m";'), dir => $dir, workers => 2);
is scalar(grep { right($weir, $_) } @paths), @paths, 'damaged before a start: none is served wrong';
my $again = $backend->requests - $before;
ok $again >= 9 && $again <= 12, "... damaged ones alone are fetched again ($again)";

# ---- a worker is killed, again and again ----
$weir->{o}{may_die} = 1;
my $kills = $stress ? 200 : 8;
for my $i (1 .. $kills) {
    my @clients = map { my $c = client($weir); $c->send("GET /300000/k$i-$_ HTTP/1.1\r\nHost: test\r\n\r\n"); $c } 1 .. 4;
    wait_for { asked("/300000/k$i-1") };
    my @workers;
    wait_for { (@workers = $weir->worker_pids) == 2 } or last;
    my $killed = $workers[$i % 2];
    kill 'KILL', $killed;
    wait_for { my @now = $weir->worker_pids; @now == 2 && !grep { $_ == $killed } @now } or fail("worker $i comes back");
}
is scalar(grep { right($weir, "/300000/k$_-1") && right($weir, "/300000/k$_-1") } 1 .. $kills), $kills,
    "after $kills killed workers all is right";
is scalar(grep { right($weir, $_) } @paths), @paths, '... and so is what was there';
ok wait_for { !glob "$dir/cache/aside/*" }, '... and nothing half is left aside';
$weir->stop;

# ---- bounds ----
$weir = weir(site('path = "%dir%/cache"; memory = "1m"; max_size = "1m";'));
right($weir, "/20000/m$_") or fail("m$_") for 1 .. 150;
my $sum = 0;
$sum += -s for files("$weir->{dir}/cache");
cmp_ok $sum, '<=', 1 << 20, 'max_size is kept';
cmp_ok $sum, '>', 700_000, '... and used';
is word(get($weir, '/20000/m150')), 'HIT', 'the last is there';
$weir = weir(site('memory = "1m";'));
right($weir, "/20000/n$_") or fail("n$_") for 1 .. 150;
is word(get($weir, '/20000/n150')), 'HIT', 'memory alone: the last is there';
is word(get($weir, '/20000/n1')), 'MISS', '... the first made room';
ok right($weir, '/2000000/huge') && word(get($weir, '/2000000/huge')) eq 'MISS', '... what does not fit passes';

# ---- a full disk ----
SKIP: {
    skip 'needs root for a file system of its own', 3 if $> != 0;
    my $d = new_dir();
    $weir = weir(site('path = "%dir%/disk/cache"; memory = "1m";'), dir => $d,
        mounts => "mkdir -p $d/disk && mount -t tmpfs -o size=1m,mode=777 tmpfs $d/disk");
    is scalar(grep { right($weir, "/150000/f$_") } 1 .. 30), 30, 'a full disk: all bodies are right';
    ok right($weir, '/3000000/f') && right($weir, '/3000000/f?chunked'), '... large ones, too';
    is scalar(() = $weir->error_log =~ /pass through without being stored/g), 1, '... and one line tells of it';
}
done_testing;
