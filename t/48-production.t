# SPDX-License-Identifier: Apache-2.0
# The example of a production site exactly as it is written, but for paths and ports, in front of nginx:
# curl, nghttp, h2load and a browser. WEIR_STRESS=1: a million requests for each path (client.keepalive_requests
# ends connections after 10,000 by default, and h2load makes no others).
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool($_) for qw(curl h2load nghttp nginx openssl);
my $dir = new_dir();
make_certificate($dir);
mkdir "$dir/$_" for qw(www www/static app);
write_file("$dir/www/static/$_.js", "seen++;") for 1 .. 50;
write_file("$dir/app/$_.js", "seen++;") for 1 .. 50;
write_file("$dir/app/page.html", '<!doctype html><title>page</title><script>seen = 0</script>'
    . join('', map { qq(<script src="/static/$_.js"></script><script src="/$_.js"></script>) } 1 .. 50)
    . '<script>onload = () => { const h2 = performance.getEntriesByType("resource").filter((e) => e.nextHopProtocol === "h2").length;'
    . ' document.body.append("saw " + seen + " over h2 " + h2) }</script>');
my $nginx = write_file("$dir/nginx.conf", <<"END");
daemon off; pid $dir/nginx.pid; error_log $dir/nginx.log; events { worker_connections 4096; }
http { access_log off; types { text/html html; text/javascript js; }
  server { listen 127.0.0.1:%port%; root $dir/app; keepalive_requests 2000000;
    location = /told { add_header X-Host \$http_host; add_header X-For \$http_x_forwarded_for;
      add_header X-Proto \$http_x_forwarded_proto; add_header X-Real \$http_x_real_ip; return 200 told; } } }
END
my $port = Weir::Test::free_port();
write_file($nginx, read_file($nginx) =~ s/%port%/$port/r);
my $app = program(['nginx', '-c', $nginx], port => $port);

my $text = read_file(source_dir() . '/t/examples/02-production.conf');
my %paths = ('/etc/ssl/certs/example.com.crt' => "$dir/cert.pem", '/etc/ssl/private/example.com.key' => "$dir/key.pem",
    '/var/www/example.com' => "$dir/www", '/var/log/weir' => $dir, '127.0.0.1:3000' => "127.0.0.1:$port",
    'https://*:443' => 'https://127.0.0.1:%port:web%', 'http://*:80' => 'http://127.0.0.1:%port:plain%');
$text =~ s/\Q$_\E/$paths{$_}/g for sort keys %paths;
my $weir = weir($text);
my $tls = $weir->port;
my $site = "https://example.com:$tls";
my $curl = sub { scalar `curl -sk -m 20 --resolve example.com:$tls:127.0.0.1 @_` };

for my $version (qw(1.1 2)) {
    my $said = $curl->("--http$version", '-i', "$site/told");
    like $said, qr{^HTTP/$version 200}, "HTTP/$version";
    my %fields = map { /^([\w-]+): (.*?)\r?$/ ? (lc $1 => $2) : () } split /\n/, $said;
    is_deeply [@fields{qw(x-host x-for x-proto x-real)}], ['example.com', '127.0.0.1', 'https', '127.0.0.1'], 'the backend is told who asks';
    is_deeply [@fields{qw(server x-frame-options x-content-type-options x-xss-protection)}],
        [undef, 'SAMEORIGIN', 'nosniff', '1; mode=block'], 'headers of the site';
    $said = $curl->("--http$version", '-i', "$site/static/1.js");
    like $said, qr{^cache-control: max-age=31536000, public, immutable\r$}mi, 'files may be kept for a year, in one line';
    like $said, qr{^x-frame-options: SAMEORIGIN\r$}mi, 'and have the site\'s headers, too';
    is +(() = $said =~ /^cache-control:/mgi), 1, 'just one';
    like $curl->("--http$version", '-i', "$site/static/none"), qr{^HTTP/$version 404.*^x-content-type-options: nosniff}msi, 'as has an error';
}
like scalar(`curl -si -H 'Host: example.com' 'http://127.0.0.1:@{[$weir->port('plain')]}/a%20b?c=d'`),
    qr{^HTTP/1\.1 301 .*^location: https://example\.com/a%20b\?c=d\r$}msi, 'plain HTTP is redirected';
like scalar(`nghttp -nv --no-verify-peer -H':authority: example.com' https://127.0.0.1:$tls/page.html 2>&1`), qr/:status: 200/, 'nghttp';

my $n = $ENV{WEIR_STRESS} ? 1_000_000 : 10_000;
for my $path (qw(/static/1.js /1.js)) {
    my $load = `h2load -n $n -c 200 -m 10 -H':authority: example.com' https://127.0.0.1:$tls$path 2>&1`;
    like $load, qr/requests: $n total, $n started, $n done, $n succeeded, 0 failed, 0 errored, 0 timeout/, "$path: h2load, $n requests";
    like $load, qr/status codes: $n 2xx, 0 3xx, 0 4xx, 0 5xx/, 'all of them answered with 200' or diag $load;
}

my ($browser) = grep { -x } map { "/usr/bin/$_" } qw(chromium chromium-browser google-chrome);
SKIP: {
    skip 'no Chromium is installed', 1 unless $browser;
    my $dom = `timeout 60 $browser --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --ignore-certificate-errors --host-resolver-rules="MAP example.com 127.0.0.1:$tls" --user-data-dir=$dir/profile --virtual-time-budget=20000 --dump-dom https://example.com/page.html 2>/dev/null`;
    like $dom, qr/saw 100 over h2 100/, 'Chromium loads a page of 100 files over HTTP/2' or diag $dom;
}
ok $weir->stop, 'an orderly end';
my ($lines, @other) = (0);
open my $log, '<', "$dir/example.com.access.log" or die $!;
while (<$log>) {
    $lines++;
    push @other, $_ if !/^127\.0\.0\.1 - - \[[^]]+\] "(?:GET|HEAD) \S+ HTTP\/[12](?:\.[01])?" [234]\d\d \d+ /;
}
cmp_ok $lines, '>=', 2 * $n, 'every request has its line';
is_deeply \@other, [], 'in the common form';
done_testing;
