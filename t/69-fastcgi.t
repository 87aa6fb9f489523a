# SPDX-License-Identifier: Apache-2.0
# php-fpm of the system, with a page that posts forms and uploads files. Rows 85 and 86.
use strict;
use warnings;
use Test::More;
use Digest::MD5 qw(md5_hex);
use Weir::Test;

my ($fpm) = grep { -x } glob('/usr/sbin/php-fpm*');
plan skip_all => 'php-fpm is not installed' unless $fpm;
my $dir = new_dir();
my $www = new_dir();
mkdir "$www/upload";
write_file("$www/index.php", <<'PHP');
<?php
header('X-Script: ' . $_SERVER['SCRIPT_NAME']);
if ($_GET['big'] ?? 0) { header('X-Big: ' . str_repeat('h', (int)$_GET['big'])); }
if ($_GET['status'] ?? 0) { http_response_code((int)$_GET['status']); }
if ($_GET['log'] ?? 0) { error_log('php says ' . $_GET['log']); }
if ($_GET['to'] ?? 0) { header('Location: ' . $_GET['to']); exit; }
if ($_GET['long'] ?? 0) { echo str_repeat('0123456789abcdef', (int)$_GET['long'] / 16); exit; }
if ($_GET['accel'] ?? 0) { header('X-Accel-Redirect: ' . $_GET['accel']); header('Content-Type: image/x-private'); echo 'not sent'; exit; }
if ($_FILES) { $f = $_FILES['file']; echo $f['name'], ' ', $f['size'], ' ', md5_file($f['tmp_name']), ' ', $_POST['note']; exit; }
if ($_SERVER['REQUEST_METHOD'] == 'POST') { echo 'posted ', $_POST['a'] ?? md5(file_get_contents('php://input')); exit; }
echo json_encode(['uri' => $_SERVER['REQUEST_URI'], 'query' => $_SERVER['QUERY_STRING'], 'info' => $_SERVER['PATH_INFO'] ?? '', 'file' => $_SERVER['SCRIPT_FILENAME'],
  'addr' => $_SERVER['REMOTE_ADDR'], 'env' => $_SERVER['APP_ENV'] ?? '', 'proxy' => $_SERVER['HTTP_PROXY'] ?? 'none', 'twice' => $_SERVER['HTTP_X_TWICE'] ?? '', 'pid' => getmypid()]);
PHP
write_file("$www/upload/image.png", '<?php echo "executed";');
my @pools = map { my $pool = $_; "[$pool]\nlisten = " . ($pool eq 'tcp' ? '127.0.0.1:%port%' : "$dir/$pool.sock") . "\nuser = nobody\ngroup = nogroup\nlisten.mode = 0666\n"
    . "pm = static\npm.max_children = 4\ncatch_workers_output = yes\nphp_admin_value[log_errors] = On\nphp_admin_value[error_log] = /dev/stderr\n"
    . "php_admin_value[upload_max_filesize] = 64M\nphp_admin_value[post_max_size] = 64M\nphp_admin_value[upload_tmp_dir] = $dir\n" } 'php', 'tcp';
my $port = free_port();
write_file("$dir/fpm.conf", join('', "[global]\nerror_log = $dir/fpm.log\ndaemonize = no\n", @pools) =~ s/%port%/$port/gr);
chmod 0777, $dir;
my $php = program([$fpm, '-F', '-n', '-y', "$dir/fpm.conf", $> == 0 ? '-R' : ()], port => $port);
my $build = $ENV{WEIR_BUILD} || source_dir() . '/build';
my $weir = weir(<<"END", workers => 1, server => qq[modules_path = [ "$build/modules", "$build/t/modules/.libs" ];]);
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; client = { max_body = "64m"; }; routes = (
  { regex = "\\\\.php\$"; fastcgi = { to = "unix:$dir/php.sock"; root = "$www"; index = "index.php"; keepalive = 1; accel_redirect = true; params = { APP_ENV = "test of \$host"; }; }; },
  { regex = "\\\\.php/"; fastcgi = { to = "unix:$dir/php.sock"; root = "$www"; }; },
  { path = "/tcp/"; fastcgi = { to = "127.0.0.1:$port"; root = "$www"; check_script = false; params = { SCRIPT_FILENAME = "$www/index.php"; }; }; },
  { path = "/stream.php"; final = true; fastcgi = { to = "unix:$dir/php.sock"; root = "$www"; request_buffering = false; buffering = false; check_script = false; params = { SCRIPT_FILENAME = "$www/index.php"; }; }; },
  { path = "/private"; final = true; internal = true; static = { mount = "$www/upload"; }; },
  { path = "/failed/"; final = true; on_error = ( { status = 418; respond = { text = "tea"; }; upstream = true; } ); fastcgi = { to = "unix:$dir/php.sock"; root = "$www"; check_script = false; params = { SCRIPT_FILENAME = "$www/index.php"; }; }; },
  { path = "/tea/"; final = true; instead = { status = 418; }; fastcgi = { to = "unix:$dir/php.sock"; root = "$www"; check_script = false; params = { SCRIPT_FILENAME = "$www/index.php"; }; }; },
  { path = "/inner"; name = "php"; internal = true; final = true; fastcgi = { to = "unix:$dir/php.sock"; root = "$www"; check_script = false; params = { SCRIPT_FILENAME = "$www/index.php"; APP_ENV = "instead"; }; }; },
  { path = "/sorry/"; final = true; on_error = ( { status = 500; path = "/private/image.png"; upstream = true; }, { status = 404; path = "\@php"; answer = "own"; upstream = true; } );
    fastcgi = { to = "unix:$dir/php.sock"; root = "$www"; keepalive = 1; check_script = false; params = { SCRIPT_FILENAME = "$www/index.php"; }; }; },
  { path = "/lost/"; final = true; on_error = ( { status = 502; path = "\@php"; answer = "own"; } ); fastcgi = { to = "unix:$dir/old.sock"; root = "$www"; check_script = false; }; },
  { path = "/gone/"; final = true; fastcgi = { to = "unix:$dir/old.sock"; root = "$www"; check_script = false; }; },
  { path = "/"; static = { root = "$www"; try = [ "\$uri", "\$uri/", "/index.php" ]; }; } ); } );
END
my $r = get($weir, '/index.php?a=b%20c', Proxy => 'http://evil', 'X-Twice' => ['one', 'two']);
is $r->{status}, 200, 'row 86: GET' or diag $weir->all_output;
like $r->{body}, qr{"uri":"\\/index.php\?a=b%20c","query":"a=b%20c","info":"","file":"\Q@{[$www =~ s#/#\\/#gr]}\E\\/index.php","addr":"127.0.0.1","env":"test of test"}, 'row 86: what PHP is told';
like $r->{body}, qr/"proxy":"none","twice":"one, two"/, 'row 86: fields are variables, Proxy is not';
like get($weir, '/index.php/a/b?c')->{body}, qr{"info":"\\/a\\/b"}, 'row 86: path_info';
is get($weir, '/some/page')->header('X-Script'), '/index.php', 'row 86: the last of try';
is request($weir, 'POST', '/index.php', { 'Content-Type' => 'application/x-www-form-urlencoded' }, 'a=form%21')->{body}, 'posted form!', 'row 86: a form';
my $file = join '', map { chr rand 256 } 1 .. 300_000;
my $upload = "--XX\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n$file\r\n--XX--\r\n";
my %type = ('Content-Type' => 'multipart/form-data; boundary=XX');
is request($weir, 'POST', $_, \%type, $upload)->{body}, 'x.bin 300000 ' . md5_hex($file) . ' hello', "row 86: an upload to $_" for '/index.php', '/tcp/', '/stream.php';
my $chunked = join '', map { sprintf "%x\r\n%s\r\n", length, $_ } unpack('(a50000)*', $file), '';
is request($weir, 'POST', '/index.php', { 'Transfer-Encoding' => 'chunked', 'Content-Type' => 'text/plain' }, $chunked)->{body}, 'posted ' . md5_hex($file), 'row 86: a chunked body';
is length get($weir, '/index.php?big=20000')->header('X-Big'), 20000, 'row 86: a large field';
is get($weir, '/index.php?big=70000')->{status}, 502, 'row 86: one over buffer_head';
is get($weir, '/index.php?status=418')->{status}, 418, 'row 86: a status';
is get($weir, '/tea/?status=418')->{body}, "instead\n", 'row 86: a module answers instead' for 1 .. 3;
is get($weir, '/index.php?to=/x')->{status}, 302, 'row 86: a Location is a redirect';
is md5_hex(get($weir, '/index.php?long=8000000')->{body}), md5_hex('0123456789abcdef' x 500_000), 'row 86: 8 MB out';
my $slow = client($weir);
$slow->send("GET /stream.php?long=32000000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
$slow->until(qr/\r\n\r\n/);
is get($weir, '/index.php')->{status}, 200, 'row 86: while a slow client has an answer without buffering';
my ($kib) = map { read_file("/proc/$_/status") =~ /VmRSS:\s+(\d+)/ } $weir->worker_pids;
cmp_ok $kib, '<', 32 * 1024, 'row 86: it is not held in memory' unless is_sanitized();
my $got = $slow->rest; # chunked: the data aside, little
cmp_ok length $got, '>=', 32_000_000, 'row 86: and all of it comes';
get($weir, '/index.php?log=oops');
ok $weir->logged(qr/fastcgi stderr: .*php says oops/), "row 86: stderr is in weir's log";
my $c = client($weir);
my %pids;
for (1 .. 10) { $c->send("GET /index.php HTTP/1.1\r\nHost: a\r\n\r\n"); $c->response->{body} =~ /"pid":(\d+)/ and $pids{$1}++ }
is scalar(keys %pids), 1, 'row 86: the connection is kept: one PHP process serves all';
$r = get($weir, '/index.php?accel=/private/image.png');
is "$r->{status} $r->{body} " . $r->header('Content-Type'), '200 <?php echo "executed"; image/x-private', 'X-Accel-Redirect to an internal route';
is get($weir, '/index.php?accel=none')->{status}, 502, 'what is no path leads nowhere';
is get($weir, '/private/image.png')->{status}, 404, 'which clients do not reach';
is get($weir, '/failed/x?status=418')->{body}, 'tea', 'on_error instead of an answer of PHP';
$c = client($weir);
my @instead = map { $c->send("$_ HTTP/1.1\r\nHost: a\r\n\r\n"); $c->response } map { "GET $_" } '/sorry/x?status=500', '/sorry/x?status=500&long=800000',
    '/sorry/x?status=404', '/lost/x?a=b', '/sorry/x';
is join(' ', map { $_->{status} } @instead), '500 500 404 200 200', 'on_error: a page, and another PHP';
is $instead[$_]{body}, '<?php echo "executed";', 'on_error: the page is sent, however long the answer was that it stands for' for 0, 1;
like $instead[$_]{body}, qr/"env":"instead"/, 'on_error: the other PHP has the request' for 2, 3;
like $instead[3]{body}, qr{"uri":"\\/lost\\/x\?a=b"}, 'on_error: as the client asked for it';
like $instead[4]{body}, qr/"env":""/, 'and what is no error goes on';
is get($weir, '/upload/image.png/x.php')->{status}, 404, 'row 86: an upload is not executed by a path below it';
is get($weir, '/upload/image.png/.php')->{status}, 404, 'row 86: nor by another';
$r = get($weir, '/gone/x.php');
is $r->{status}, 502, 'row 85: a wrong socket: 502';
like $weir->logged(qr/502 connection_refused.*old\.sock|old\.sock.*502/), qr/\Q$dir\E\/old\.sock.*No such file.*is the backend running/, 'row 85: the log has path, error and what to look at';
my ($status, $said) = check_config("sites = ( { listen = [ \"http://127.0.0.1:1\" ]; fastcgi = { to = \"unix:$dir/old.sock\"; root = \"$www\"; }; } );");
is $status, 0, 'row 85: weir -t takes it';
like $said, qr/warning: fastcgi\.to: \Q$dir\E\/old\.sock: No such file.*sockets in its folder: php\.sock/, 'row 85: with a warning';
done_testing;
