# SPDX-License-Identifier: Apache-2.0
# Real content: some thousand files that every installation has, served by nginx through the cache:
# twice, after a restart, and after a tenth of the cache's files were damaged.
use strict;
use warnings;
use Digest::MD5 'md5';
use File::Find;
use Test::More;
use Weir::Test;

need_tool('nginx');
my $most = $ENV{WEIR_STRESS} ? 20000 : is_sanitized() ? 2000 : 2500;

# ---- what there is below /usr ----
my %md5; # by path
find({ no_chdir => 1, wanted => sub {
    return if keys %md5 >= $most || -l || !-f _ || -s _ > 300_000 || !m{^/usr/[\w/.+-]+$} || m{/\.};
    open my $file, '<:raw', $_ or return;
    local $/;
    $md5{ substr $_, 4 } = md5(<$file> // '');
} }, grep { -d } map { "/usr/$_" } qw(share/doc include share/perl lib/python3 share/nodejs share/man));
my @paths = sort keys %md5;
cmp_ok scalar(@paths), '>=', 2000, scalar(@paths) . ' files';

my $dir = new_dir();
mkdir "$dir/$_" for qw(nginx cache);
chmod 0777, "$dir/cache";
my $port = free_port();
write_file("$dir/nginx/conf", <<"CONF");
daemon off; worker_processes 1; pid $dir/nginx/pid; error_log $dir/nginx/error; user root;
events { worker_connections 256; }
http { access_log $dir/nginx/access; keepalive_requests 1000000; default_type text/plain;
  client_body_temp_path $dir/nginx/b; proxy_temp_path $dir/nginx/p; fastcgi_temp_path $dir/nginx/f; uwsgi_temp_path $dir/nginx/u; scgi_temp_path $dir/nginx/s;
  server { listen 127.0.0.1:$port; root /usr; expires 1d; } }
CONF
my $nginx = program(['nginx', '-c', "$dir/nginx/conf", '-p', "$dir/nginx"], port => $port);
sub fetched { return scalar(() = read_file("$dir/nginx/access") =~ /"GET /g) }

sub start {
    return weir(<<"CONF", dir => $dir, workers => 2);
cache = { files = { path = "%dir%/cache"; memory = "16m"; inactive = "1d"; }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://127.0.0.1:$port"; };
            cache = { zone = "files"; }; } );
CONF
}

# Asks for all of them on one connection, 16 at a time; returns how many were right.
sub ask_all {
    my ($weir) = @_;
    my $client = client($weir);
    my $right = 0;
    for (my $at = 0; $at < @paths; $at += 16) {
        my @some = @paths[$at .. ($at + 15 < $#paths ? $at + 15 : $#paths)];
        $client->send(join '', map { "GET $_ HTTP/1.1\r\nHost: test\r\n\r\n" } @some);
        for my $path (@some) {
            my $r = $client->response;
            my $fine = $r->{status} == 200 && $r->{complete} && md5($r->{body}) eq $md5{$path};
            $right += $fine;
            diag("$path: $r->{status}, " . length $r->{body}) if !$fine;
        }
    }
    return $right;
}

my $weir = start();
is ask_all($weir), @paths, 'the first time: all bodies are right';
is fetched(), @paths, '... each was fetched once';
is ask_all($weir), @paths, 'the second time: equal bodies';
is fetched(), @paths, '... and the backend was not asked';
ok $weir->stop, 'weir ends';
$weir = start();
is ask_all($weir), @paths, 'after a restart: equal bodies';
is fetched(), @paths, '... and the backend was not asked';

# ---- damage ----
my @files;
find(sub { push @files, $File::Find::name if -f && /^[0-9a-f]{32}$/ }, "$dir/cache");
is scalar(@files), @paths, 'a file for each';
@files = sort @files;
my $n = 0;
# Cut, changed at the front, in the middle and at the end, prolonged, removed, another one's content.
my @ways = (
    sub { truncate $_[0], int((-s $_[0]) / 2) }, sub { scribble($_[0], 0) }, sub { scribble($_[0], int((-s $_[0]) / 2)) },
    sub { scribble($_[0], (-s $_[0]) - 8) }, sub { scribble($_[0], -s $_[0]) }, sub { unlink $_[0] },
    sub { write_file($_[0], read_file($files[$n + 1])) }, sub { truncate $_[0], 0 },
);
sub scribble {
    my ($file, $at) = @_;
    open my $f, '+<:raw', $file or die "$file: $!";
    seek $f, $at, 0;
    my $old = '';
    read $f, $old, 8;
    seek $f, $at, 0;
    print {$f} $old ? ~$old : 'something';
    close $f;
}
sub damage { # every tenth, from one on
    my ($from) = @_;
    my $damaged = 0;
    for ($n = $from; $n + 1 < @files; $n += 10) { $ways[$damaged++ % @ways]->($files[$n]) }
    return $damaged;
}

$weir->stop;
my $damaged = damage(3);
$weir = start();
is ask_all($weir), @paths, "$damaged files are damaged while weir is down: all bodies are right";
is fetched(), @paths + $damaged, '... those were fetched again, and no others';
my $before = fetched();
$damaged = damage(6);
is ask_all($weir), @paths, "$damaged files are damaged under it: all bodies are right";
cmp_ok fetched() - $before, '<=', $damaged, '... those alone were fetched again (' . (fetched() - $before) . ')';
$before = fetched();
is ask_all($weir), @paths, 'and once more: all bodies are right';
is fetched(), $before, '... without the backend';
done_testing;
