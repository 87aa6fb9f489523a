# SPDX-License-Identifier: Apache-2.0
# weir cache stat, ls and purge; purging by an HTTP method where that is allowed.
use strict;
use warnings;
use File::Find;
use JSON::PP;
use Test::More;
use Weir::Test;

my $backend = backend(sub {
    my ($conn, $request) = @_;
    my ($tag) = $request->{path} =~ /tag=(\w+)/;
    $conn->answer(200, "body of $request->{path}", 'Cache-Control' => 'max-age=60', ETag => '"a"',
        'Cache-Tag' => $tag ? "$tag, all" : 'all');
});
my $weir = weir(<<"CONF", workers => 2, user => $> ? undef : 'nobody');
cache = { files = { path = "%dir%/cache"; levels = "2"; memory = "2m"; max_size = "10m"; }; memory = { memory = "1m"; }; };
sites = ( {
  listen = [ "http://127.0.0.1:%port:web%" ];
  proxy  = { to = "http://127.0.0.1:$backend->{port}"; };
  cache  = { zone = "files"; key = "\$host\$request_uri"; };
  headers = { response = { set = { X-Cache-Status = "\$upstream_cache_status"; }; }; };
  routes = ( { path = "/memory/"; cache = { zone = "memory"; }; },
             { path = "/open/"; cache = { zone = "files"; purge = { from = [ "127.0.0.0/8" ]; }; }; },
             { path = "/shut/"; cache = { zone = "files"; purge = { from = [ "192.0.2.0/24" ]; }; }; } );
} );
CONF
my $command = sub { my ($status, $out, $err) = run_weir('-c', $weir->{conf}, 'cache', @_); return "$status|$out|$err" };
sub word { my ($path, %headers) = @_; return get($weir, $path, %headers)->header('X-Cache-Status') }
sub files { my @f; find(sub { push @f, $_ if -f && /^[0-9a-f]{32}$/ }, "$weir->{dir}/cache"); return scalar @f }

word("/a/$_") for 1 .. 5;
word('/a/1') for 1 .. 3;
word('/memory/a');

# stat
my $said = $command->('stat');
like $said, qr/^(?:0\|)?zone files \(.*\/cache\)\n  objects  5, \d+ bytes of 10485760\n  memory .*\n  hits     3\n  misses   5\n/m, 'stat';
like $said, qr/zone memory \(memory only\)\n  objects  1, /, '... of all zones';
unlike $command->('stat', 'memory'), qr/zone files/, '... or of one';
my ($stat) = map { decode_json($_) } (split /\|/, $command->('stat', '--json', 'files'))[1] =~ /^(\{.*\})$/m;
is $stat->{objects}, files(), 'row 59: it agrees with the disk';
my $bytes = 0;
find(sub { $bytes += -s if -f && /^[0-9a-f]{32}$/ }, "$weir->{dir}/cache");
is $stat->{bytes}, $bytes, '... in bytes, too';
like $command->('stat', 'nozone'), qr/^1\|\|"nozone" is no zone of the cache; there are: .*files/, 'a zone that is none';
like $command->('sta'), qr/^1\|\|weir cache: expected stat, ls or purge, found "sta"\nusage: weir cache stat/, 'a word that is none';
like $command->('P18: purge'), qr/^1\|\|.*usage: /s, 'purge alone';
like $command->('purge', '/a/1'), qr/^1\|\|"\/a\/1": expected an URL as clients ask for it/, 'a path is no URL';

# ls
$said = $command->('ls') =~ s/^0\|//r;
is scalar(() = $said =~ m{^(memory|file)\s+200\s+\d+\s+\d+  http://test/a/[1-5]$}mg), 5, 'ls has all objects';
is scalar(() = $said =~ m{^memory\s+200\s+\d+\s+\d+  http://test/memory/a$}mg), 1, '... of all zones';
my @objects = map { decode_json($_) } split /\n/, (split /\|/, $command->('ls', '--json', 'memory'))[1];
is join(' ', map { $objects[0]{$_} } qw(zone in status bytes url tags)), 'memory memory 200 17 http://test/memory/a all', '... as JSON';

# purge
like $command->('purge', 'http://test/a/1'), qr/^0\|purged from /, 'purge';
is join(' ', word('/a/1'), word('/a/2')), 'MISS HIT', '... one URL';
$command->('purge', 'http://test/a/*');
is join(' ', word('/a/2'), word('/a/3'), word('/memory/a')), 'MISS MISS HIT', '... a prefix';
word("/js/$_.js"), word("/js/$_.css") for 1, 2;
$command->('purge', 'http://*/js/*.js');
is join(' ', map { word("/js/$_") } qw(1.js 2.js 1.css 2.css)), 'MISS MISS HIT HIT', '... a wildcard';
word("/t/$_?tag=$_") for qw(one two);
$command->('purge', '--tag', 'one');
is join(' ', word('/t/one?tag=one'), word('/t/two?tag=two')), 'MISS HIT', '... a tag';
like $command->('purge', '--soft', '--tag', 'two'), qr/validated before/, '... softly';
is get($weir, '/t/two?tag=two')->header('X-Cache-Status'), 'EXPIRED', '... then it is asked for';
word('/');
$command->('purge', 'http://test');
is word('/'), 'MISS', 'an URL without a path is that of /';
ok wait_for { files() == (() = (split /\|/, $command->('ls', 'files'))[1] =~ /\n/g) }, 'what was purged leaves the disk';

# by method
word($_) for qw(/open/a /open/b.js /shut/a);
is request($weir, 'PURGE', '/open/a')->{status}, 200, 'PURGE on a route that allows it';
is word('/open/a'), 'MISS', '... removes';
is request($weir, 'PURGE', '/open/*.js')->{body}, "purged by wildcard\n", '... a wildcard';
is join(' ', word('/open/b.js'), word('/open/a')), 'MISS HIT', '... too';
is request($weir, 'PURGE', '/shut/a')->{status}, 403, 'PURGE from elsewhere';
is word('/shut/a'), 'HIT', '... does not';
done_testing;
