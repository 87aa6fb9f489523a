# SPDX-License-Identifier: Apache-2.0
# Sites, routes, static files, headers, redirects, logs: rows of the acceptance table.
use strict;
use warnings;
use Test::More;
use Time::Local 'timegm';
use Weir::Test;

my $files = new_dir();
chmod 0755, $files;
mkdir "$files/static";
mkdir "$files/static/sub";
write_file("$files/static/a.css", 'body { color: red }');
write_file("$files/static/sub/index.html", 'the index');
write_file("$files/secret", 'outside');
write_file("$files/static/.hidden", 'hidden');
symlink '../secret', "$files/static/inner";
symlink '/etc/passwd', "$files/static/outer";
my $backend = backend(sub { my ($conn, $r) = @_; $conn->answer(200, $r->{line}, 'X-Powered-By' => 'b',
    'Cache-Control' => 'private') });
my $weir = weir(<<"CONF");
access_log = { path = "%dir%/top.log"; flush = "10ms"; };
sites = (
  { names = [ "one.test", "www.one.test" ]; listen = [ "http://127.0.0.1:%port:web%" ];
    headers = { response = { remove = [ "X-Powered-By" ]; set = { X-Frame-Options = "SAMEORIGIN"; }; }; };
    access_log = { path = "%dir%/one.log"; format = "json"; flush = "10ms"; };
    routes = (
      { path = "/static/"; static = { root = "$files"; };
        headers = { response = { expires = "1y"; set = { Cache-Control = "public, immutable"; }; }; }; },
      { path = "/mounted"; static = { mount = "$files/static"; }; },
      { path = "/"; proxy = { to = "http://127.0.0.1:$backend->{port}"; };
        headers = { request = { set = { X-Extra = "\$arg_x"; }; }; }; },
      { exact = "/exact"; respond = { text = "exact"; }; },
      { path = "/final/"; final = true; respond = { text = "final"; }; },
      { path = "/long/er/"; respond = { text = "longer"; }; },
      { path = "/bare/"; respond = { text = "bare"; }; headers = false; },
      { regex = "\\\\.php\$"; respond = { text = "regex"; }; },
      { path = "/post"; methods = [ "POST" ]; respond = { text = "post"; }; }
    ); },
  { names = [ "*.wild.test" ]; listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "wild"; }; },
  { names = [ "deep.wild.test" ]; listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "deep"; }; },
  { names = [ "old.test" ]; listen = [ "http://127.0.0.1:%port:web%" ];
    redirect = { to = "https://\$host\$request_uri"; status = 301; }; }
);
CONF
my $one = sub { get($weir, $_[0], Host => 'one.test', @_[1 .. $#_]) };

is get($weir, '/', Host => 'x.wild.test')->{body}, 'wild', 'row 4: a wildcard name';
is get($weir, '/', Host => 'deep.wild.test')->{body}, 'deep', 'row 4: the exact name wins';
is get($weir, '/', Host => 'unknown.test')->{status}, 421, 'row 4: an unknown host gets 421';
is get($weir, '/', Host => 'WWW.One.Test.:80')->{status}, 200, 'row 4: case, dot and port do not matter';
is $one->('/exact')->{body}, 'exact', 'row 5: an exact path';
is $one->('/final/x.php')->{body}, 'final', 'row 5: a final prefix stops';
is $one->('/long/er/x.php')->{body}, 'regex', 'row 5: a regex wins over a prefix';
is $one->('/long/er/x')->{body}, 'longer', 'row 5: the longest prefix';
is $one->('/long//er/../er/x')->{body}, 'longer', 'row 5: the path is resolved';
like $one->('/long%2Fer/x')->{body}, qr{GET /long%2Fer/x}, 'row 5: an escaped slash is none';
like $one->('/a%2fb//c?q=1')->{body}, qr{GET /a%2fb//c\?q=1 }, 'row 8: the path is sent as it came';
is request($weir, 'GET', '/static', { Host => 'one.test' })->{status}, 200, 'a prefix ends at segments';
my $asked = () = $backend->requests;
my $r = $one->('/static/a.css');
is $r->{body}, 'body { color: red }', 'row 22: a file';
is $r->header('Content-Type'), 'text/css', 'its type';
is $r->header('X-Frame-Options'), 'SAMEORIGIN', 'row 21, P3: the site\'s header is not lost';
is $r->header('Cache-Control'), 'max-age=31536000, public, immutable', 'row 24: one Cache-Control';
my ($expires, $now) = map {
    my ($day, $month, $year, @time) = $r->header($_) =~ /^\w+, (\d\d) (\w+) (\d+) (\d\d):(\d\d):(\d\d) GMT$/;
    timegm(reverse(@time), $day, index('JanFebMarAprMayJunJulAugSepOctNovDec', $month) / 3, $year);
} qw(Expires Date);
cmp_ok abs($expires - $now - 31536000), '<', 10, 'row 23: Expires agrees with max-age';
is $one->('/static/a.css', 'If-None-Match' => $r->header('ETag'))->{status}, 304, 'row 22: 304';
is $one->('/static/a.css', 'If-Modified-Since' => $r->header('Last-Modified'))->{status}, 304, 'by date';
my $part = $one->('/static/a.css', Range => 'bytes=5-10');
is "$part->{status} $part->{body}", '206 { colo', 'row 22: a range';
is $part->header('Content-Range'), 'bytes 5-10/19', 'says which';
is $one->('/static/a.css', Range => 'bytes=99-')->{status}, 416, 'row 22: behind the end';
is $one->('/static/sub')->{status}, 301, 'row 6: a folder is redirected';
is $one->('/static/sub?q=1')->header('Location'), '/static/sub/?q=1', 'row 6: with its query, without a port';
is $one->('/static/sub/')->{body}, 'the index', 'row 22: the index';
is scalar(my @none = $backend->requests), $asked, 'row 90: files do not bother the backend';
is $one->("/static/$_")->{status}, 404, "row 22: $_ is not served" for qw(.hidden outer nothing);
is $one->("/static/$_")->{status}, 400, "row 22: $_" for '../../etc/passwd', '%00', '%2e%2e/%2e%2e/x',
    'sub%2Findex.html';
is $one->('/mounted/a.css')->{body}, 'body { color: red }', 'a mount';
is $one->('/mounted/../secret')->{body}, "GET /mounted/../secret HTTP/1.1", 'leaves its route, not its folder';
is $one->('/mounteda.css')->{body}, 'GET /mounteda.css HTTP/1.1', 'a mount begins at a segment';
is request($weir, 'POST', '/static/a.css', { Host => 'one.test' }, 'x')->{status}, 405, 'files take no POST';
$r = $one->('/static/nothing');
is $r->header('X-Frame-Options'), 'SAMEORIGIN', 'row 18: on a 404';
ok !$r->header('Expires'), 'row 23: no Expires on a 404';
$r = $one->('/x?x=42', Connection => 'close, X-Secret', 'X-Secret' => 1, 'Keep-Alive' => 5,
    'X-Forwarded-For' => '6.6.6.6', 'Proxy-Authorization' => 'x', TE => 'trailers');
ok !$r->header('X-Powered-By'), 'a response header is removed';
my $seen = $backend->last_request->{headers};
is $seen->{'x-extra'}, 42, 'a request header by template';
is $seen->{'x-forwarded-for'}, '127.0.0.1', 'row 29: what a client says of itself is dropped';
is $seen->{'x-real-ip'}, '127.0.0.1', 'row 28';
is $seen->{'x-forwarded-proto'}, 'http', 'row 30';
is $seen->{host}, 'one.test', 'row 27: the client\'s Host';
ok !exists $seen->{$_}, "row 26: $_ does not pass" for 'x-secret', 'keep-alive', 'proxy-authorization', 'te', 'connection';
ok !$one->('/')->header('Server'), 'row 15: no Server version';
ok !$one->('/bare/')->header('X-Frame-Options'), 'headers = false drops the site\'s rules';
$r = get($weir, '/p%20q?x=1', Host => 'old.test');
is $r->header('Location'), 'https://old.test/p%20q?x=1', 'row 42: a redirect keeps path and query';
is $r->{status}, 301, 'with its status';
is request($weir, 'GET', '/nowhere', { Host => 'old.test' })->{status}, 301, 'for every path';
is request($weir, 'POST', '/post', { Host => 'one.test' }, '')->{body}, 'post', 'a route by method';
ok wait_for { read_file("$weir->{dir}/one.log") =~ m{"uri":"/post"} }, 'row 16: the site\'s log';
ok wait_for { read_file("$weir->{dir}/top.log") =~ m{unknown|" 421 } }, 'requests without a site go to the top\'s';
unlike read_file("$weir->{dir}/one.log"), qr/old\.test/, 'row 16: and nobody else\'s';
done_testing;
