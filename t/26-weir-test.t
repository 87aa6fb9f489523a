# SPDX-License-Identifier: Apache-2.0
# weir test: the tests that sites bring, as an ordinary user who may not read the keys; nothing that
# lives is touched.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $dir = new_dir();
my $backend = backend(sub { my ($conn) = @_; $conn->answer(200, 'the real one') });
my ($certificate, $key) = make_certificate($dir);
chmod 0600, $key;
mkdir "$dir/$_" for 'www', 'conf.d', 'live';
write_file("$dir/www/x.css", 'body { }' x 100);
write_file("$dir/www/index.php", '');
write_file("$dir/live/$_", '') for 'access.log', 'error.log';

# A site's file with the given tests; each test is on a line of its own, from line 21 on.
sub site {
    my (@tests) = @_;
    return <<"END" . join(",\n", @tests) . "\n); } );\n";
server = { error_log = { path = "$dir/live/error.log"; }; control = "$dir/live/control.sock"; pid_file = "$dir/live/pid"; };
upstream = { app = { servers = [ "127.0.0.1:$backend->{port}", "app.invalid:80" ]; health = { interval = "1s"; }; },
  second = { resolve = true; servers = ( { address = "second.invalid:80"; proxy_protocol = 2; } ); } };
cache = { disk = { path = "$dir/live/cache"; memory = "1m"; } };
limit = { shared = { key = "\$remote_addr"; rate = "1r/m"; store = "redis://127.0.0.1:$backend->{port}"; }; };
sites = ( { names = [ "example.com", "*.example.com" ]; listen = [ "https://127.0.0.1:8443", "http://127.0.0.1:8080" ];
  tls = { certificate = "$certificate"; key = "$key"; }; http2 = true;
  access_log = { path = "$dir/live/access.log"; };
  headers = { response = { set = { X-Site = "example"; }; }; };
  routes = (
    { path = "/static/"; static = { mount = "$dir/www"; }; compress = true; },
    { path = "/api"; proxy = { to = "http://app/v1"; strip_prefix = "/api"; }; cache = { zone = "disk"; valid = [ "200 1h" ]; }; },
    { path = "/secure"; proxy = { to = "https://second"; }; on_error = ( { status = [ 502 ]; respond = { text = "sorry"; }; } ); },
    { path = "/grpc"; proxy = { to = "h2://second"; }; },
    { path = "/php"; name = "php"; fastcgi = { to = "unix:/none.sock"; root = "$dir/www"; params = { SCRIPT_FILENAME = "$dir/www/index.php"; }; check_script = false; }; },
    { path = "/few"; limit = { zone = "shared"; mode = "report"; }; respond = { text = "few"; }; },
    { path = "/office"; access = { allow = [ "192.0.2.0/24" ]; }; respond = { text = "from \$remote_addr by \$scheme"; }; },
    { path = "/old"; redirect = { to = "https://\$host/new"; status = 301; }; } );
tests = (

END
}

sub run_tests {
    my ($text, @args) = @_;
    write_file("$dir/conf.d/shop.conf", $text);
    my @result = run_weir({ user => is_open_to('nobody') ? 'nobody' : undef }, '-c', "$dir/conf.d", 'test', @args);
    s/\Q$dir\E\/conf\.d\/// for map { s/^\Q$dir\E\/conf\.d\///mg; $_ } @result[1, 2];
    return @result;
}

my @good = (
    '{ request = "GET https://example.com/static/x.css"; headers = { Accept-Encoding = "gzip"; }; expect = { status = 200; route = "/static/"; upstream = ""; headers = { Content-Type = "~^text/css"; Content-Encoding = "gzip"; X-Site = "example"; Server = false; }; }; }',
    '{ request = "GET /static/x.css"; expect = { status = 200; site = "example.com"; body = "body { }"; }; }',
    '{ request = "POST http://www.example.com/api/items?a=b"; headers = { X-Sent = "yes"; }; body = "some"; expect = { status = 200; route = "/api"; upstream = "app"; body = "~POST /v1/items\\\\?a=b HTTP/1.1\\r\\n(.*\\r\\n)*X-Sent: yes"; }; }',
    '{ request = "GET https://example.com/api/x"; expect = { body = "X-Forwarded-Proto: https"; }; }',
    '{ request = "GET https://example.com/api/x"; backend = { status = 404; headers = { X-From = "stub"; }; body = "none"; }; expect = { status = 404; headers = { X-From = "stub"; }; body = "none"; }; }',
    '{ request = "GET https://example.com/secure"; expect = { status = 200; upstream = "second"; body = "upstream second"; }; }',
    '{ request = "GET https://example.com/secure"; backend = { status = 0; }; expect = { status = 502; reason = "connection_refused"; body = "sorry"; }; }',
    '{ request = "GET https://example.com/grpc"; expect = { status = 200; upstream = "second"; }; }',
    '{ request = "GET https://example.com/php/x"; expect = { status = 200; route = "php"; upstream = "unix:/none.sock"; }; }',
    '{ request = "GET https://example.com/few"; expect = { status = 200; body = "few"; }; }',
    '{ request = "GET https://example.com/office"; expect = { status = 403; reason = "access_denied"; }; }',
    '{ request = "GET https://example.com/office"; from = "192.0.2.7"; expect = { status = 200; body = "from 192.0.2.7 by https"; }; }',
    '{ request = "HEAD https://example.com/old"; expect = { status = 301; headers = { Location = "https://example.com/new"; }; }; }',
    '{ request = "GET http://example.com:8080/none"; expect = { status = 404; reason = "route_not_found"; route = "site"; }; }',
    '{ request = "GET https://other.org/"; expect = { status = 421; site = ""; }; }',
);
my $text = site(@good);
write_file("$dir/conf.d/shop.conf", $text);
my ($status, $out, $said) = run_weir('-t', '-c', "$dir/conf.d");
is $status, 0, 'weir -t takes tests' or diag $said;
($status, $out, $said) = run_tests($text);
is $status, 0, 'all is as expected' or diag "$out$said";
is $out, '', 'nothing is printed';
like $said, qr/^weir: 15 tests, 0 failed$/m, 'but the sum';
is $backend->connections, 0, 'no backend and no store was reached';
is join(' ', map { -s $_ || 0 } "$dir/live/access.log", "$dir/live/error.log"), '0 0', 'logs are as they were';
is join(' ', grep { -e } map { "$dir/live/$_" } qw(cache control.sock pid)), '', 'nothing was made';
is join(' ', glob(($ENV{TMPDIR} || '/tmp') . '/weir-test-' . '??????/*_live_*')), '', 'and nothing is left';

($status, $out, $said) = run_tests(site(
    '{ request = "GET https://example.com/static/none"; expect = { status = 200; }; }',
    '{ request = "GET https://example.com/api/x"; expect = { route = "/"; upstream = "second"; body = "~^never"; }; }',
    "{ request = \"GET /old\"; expect = { headers = { X-Site = \"other\";\nLocation = false; X-None = \"there\"; }; }; }",
    '{ request = "GET https://example.com:1/"; expect = { status = 200; }; }', '{ request = "GET /few"; expect = { status = 200; }; }'));
is $status, 1, 'some fail:';
is join('', sort { $a cmp $b } map { "$_\n" } split /\n/, $out), <<'END', 'each with its place, what was expected and found';
shop.conf:21: GET https://example.com/static/none: status: expected 200, found 404 file_not_found: No such file or directory: /static/none
shop.conf:22: GET https://example.com/api/x: body: expected "~^never" in it, found "upstream app\nGET /v1/x HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: example.com\r\n\r\n"
shop.conf:22: GET https://example.com/api/x: route: expected "/", found "/api"
shop.conf:22: GET https://example.com/api/x: upstream: expected "second", found "app"
shop.conf:23: GET /old: headers.X-Site: expected "other", found "example"
shop.conf:24: GET /old: headers.Location: expected none, found "https://example.com/new"
shop.conf:24: GET /old: headers.X-None: expected "there", found none
shop.conf:25: GET https://example.com:1/: nothing listens there for https
END

($status, $said) = check_config($text =~ s/expect = \{ status = 200; route/expect = { stats = 200; route/r);
is $status, 1, 'weir -t looks at the names in tests:';
like $said, qr/weir\.conf:21: error: tests\.expect has no option "stats": did you mean "status"\?/, 'a misspelt one';
($status, undef, $said) = run_tests($text, 'none');
is "$status $said", "2 weir: test: there is no site \"none\", nor a file of that name with one\n", 'a site that is not there';
($status, $out) = run_tests(site($good[0], '{ request = "PURGE"; }'), 'shop');
is $status, 2, 'a test that is none';

my $build = $ENV{WEIR_BUILD} || source_dir() . '/build';
SKIP: {
    skip 'sanitizers have handlers of their own', 1 if is_sanitized() || !-e "$build/t/modules/.libs/crash.so";
    my $routes = join ', ', map { qq[{ path = "/$_"; crash = { mode = "$_"; }; }] } qw(null exit);
    (undef, $out) = run_tests(qq[server = { modules_path = [ "$build/modules", "$build/t/modules/.libs" ]; };
sites = ( { listen = [ "http://127.0.0.1:80" ]; respond = { text = "fine"; }; routes = ( $routes );
tests = ( { request = "GET /null"; },
{ request = "GET /exit"; },
{ request = "GET /"; expect = { body = "fine"; }; } ); } );]);
    is $out, "shop.conf:3: GET /null: expected an answer, found the worker dead of signal 11, Segmentation fault\n"
        . "shop.conf:4: GET /exit: expected an answer, found the worker gone, with status 0\n", 'a module that crashes or ends the process fails its test alone';
}
done_testing;
