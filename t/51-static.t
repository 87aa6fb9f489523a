# SPDX-License-Identifier: Apache-2.0
# Files: what `try` falls back to, folders, odd kinds of files, a root that is switched. Rows 22-24.
use strict;
use warnings;
use Test::More;
use POSIX ();
use Weir::Test;

my $www = new_dir();
chmod 0755, $www;
mkdir "$www/$_" for qw(one two one/sub one/.well-known);
write_file("$www/one/a.txt", 'first');
write_file("$www/two/a.txt", 'second');
write_file("$www/one/index.php", '<?php secret');
write_file("$www/one/sub/index.html", 'sub index');
write_file("$www/one/.well-known/token", 'proof');
POSIX::mkfifo("$www/one/fifo", 0644);
my $socket = IO::Socket::UNIX->new(Local => "$www/one/socket", Listen => 1);
symlink "$www/one", "$www/current";
my $weir = weir(<<"END");
sites = ( { names = [ "a.test" ]; listen = [ "http://127.0.0.1:%port:web%" ]; static = { root = "$www/current"; };
  access_log = { path = "%dir%/log"; format = "\\"\$request\\" \$status \\"\$http_user_agent\\""; flush = "1ms"; };
  routes = ( { regex = "\\\\.php\$"; respond = { text = "by php \$args"; }; },
    { path = "/app/"; static = { root = "$www/one"; try = [ "\$uri", "\$uri/", "/index.php" ]; }; },
    { path = "/gone/"; static = { root = "$www/one"; try = [ "\$uri", "=410" ]; }; },
    { path = "/m"; static = { mount = "$www/one/sub"; }; },
    { path = "/sub"; static = { root = "$www/one"; try = [ "\$uri", "\$uri/" ]; }; } ); } );
END
my $one = sub { my ($path, $method, %h) = @_; return request($weir, $method || 'GET', $path, { Host => 'a.test', %h }) };

is $one->('/app/none?x=1')->{body}, 'by php x=1', 'try falls back to another route, query kept; no source is sent';
is $one->('/gone/none')->{status}, 410, 'or to a status';
is $one->('/.well-known/token')->{body}, 'proof', '/.well-known/ is no hidden folder';
is $one->('/fifo')->{status}, 404, 'a fifo is no file';
is $one->('/socket')->{status}, 404, 'nor is a socket';
is $one->('/a.txt', 'HEAD', Range => 'bytes=0-1')->{status}, 200, 'Range is for GET alone';
is $one->('/a.txt', 'GET', Range => 'bytes=0-1')->{status}, 206, 'row 22: and there it works';
for my $path ('/m', '/sub') {
    my $response = $one->("$path?q=1");
    is "$response->{status} " . $response->header('Location'), "301 $path/?q=1", "row 6: $path has a slash added";
}
is $one->('/m/')->{body}, 'sub index', 'a mount inside a site with a root';
mkdir "$www/one/closed";
chmod 0, write_file("$www/one/closed/index.html", 'not for you');
is $one->('/closed/')->{status}, 403, 'an index that may not be read is not one that is not there';
ok $weir->logged(qr{the worker user may not read it.*/closed/}), 'which is said';
is $one->('/a.txt', 'GET', 'User-Agent' => 'x"y')->{body}, 'first', 'a file through a link';
ok wait_for { read_file("$weir->{dir}/log") =~ m{^"GET /a\.txt HTTP/1\.1" 200 "x\\x22y"$}m },
    'row 16: a template has its own quotes, and values are escaped';
unlink "$www/current";
symlink "$www/two", "$www/current";
ok wait_for { $one->('/a.txt')->{body} eq 'second' }, 'the link is switched: noticed without a reload';
for my $try ('=x!z', '=99', 'a.html') {
    my ($status, $said) = check_config(qq[sites = ( { listen = [ "http://127.0.0.1:1" ]; static = { root = "$www"; try = [ "$try" ]; }; } );]);
    like $said, qr/error: static\.try: "\Q$try\E"/, "try = $try is refused";
}
done_testing;
