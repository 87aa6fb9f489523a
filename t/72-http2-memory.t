# SPDX-License-Identifier: Apache-2.0
# HTTP/2 and memory: a hundred clients that take nothing, from files and from backends of both kinds; bodies of
# 32 MiB (with WEIR_STRESS of 1 GiB) both ways; and a page of a hundred files in a browser (where there is one).
use strict;
use warnings;
use Test::More;
use Weir::Test;
use Weir::Frames;

need_tool($_) for qw(curl nghttpd openssl);
my $dir = new_dir();
make_certificate($dir);
write_file("$dir/big", 'x' x (8 << 20));
write_file("$dir/$_.js", "seen++;") for 1 .. 100;
write_file("$dir/page.html", '<!doctype html><title>page</title><script>seen = 0</script>'
    . join('', map { qq(<script src="/$_.js"></script>) } 1 .. 100)
    . '<script>onload = () => { const h2 = performance.getEntriesByType("resource").filter((e) => e.nextHopProtocol === "h2").length;'
    . ' document.body.append("saw " + seen + " over h2 " + h2) }</script>');
my $h2 = program(['nghttpd', '--no-tls', '-d', $dir, '%port%']);
my $weir = weir(<<"END");
sites = ( { listen = [ "http://127.0.0.1:%port:web%", "https://127.0.0.1:%port:tls%" ]; http2 = { cleartext = true; };
  tls = { certificate = "$dir/cert.pem"; key = "$dir/key.pem"; };
  static = { root = "$dir"; }; client = { max_body = "2g"; };
  routes = ( { path = "/h1"; proxy = { to = "http://127.0.0.1:%port:web%"; strip_prefix = "/h1"; buffering = false; }; },
             { path = "/h2"; proxy = { to = "h2://127.0.0.1:$h2->{port}"; strip_prefix = "/h2"; buffering = false; }; } ); } );
END

sub kib { my ($what) = @_; return (map { read_file("/proc/$_/status") =~ /$what:\s+(\d+)/ } $weir->worker_pids)[0] }

# The streams open by 16 MiB, the connection by 64 KiB: what it does not take has to wait somewhere.
sub slow_reader {
    my ($path) = @_;
    my $c = client($weir);
    $c->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame($SETTINGS, 0, 0, pack 'nN', 4, 1 << 24)
        . frame($HEADERS, $END_STREAM | $END_HEADERS, 1, pack_fields(':method', 'GET', ':scheme', 'http', ':authority', 'a', ':path', $path)));
    while (my $f = next_frame($c)) { return $c if $f->[0] == $DATA }
    return;
}
for my $path (qw(/big /h1/big /h2/big)) {
    my @readers = grep { $_ } map { slow_reader($path) } 1 .. 100;
    is @readers, 100, "$path: 100 clients have a part";
    my $kib = kib('VmRSS');
    cmp_ok $kib, '<', 64 * 1024, "while the worker holds $kib KiB" unless is_sanitized();
    $_->close for @readers;
}

my $size = $ENV{WEIR_STRESS} ? 1 << 30 : 32 << 20;
write_file("$dir/huge", '');
truncate "$dir/huge", $size or die "truncate: $!";
my $site = 'https://127.0.0.1:' . $weir->port('tls');
my $curl = 'curl -sk --http2 -o /dev/null -w "%{http_version} %{http_code} %{size_download} %{size_upload}"';
is `$curl $site$_`, "2 200 $size 0", "$_: a body of $size bytes comes" for qw(/huge /h1/huge /h2/huge);
is `$curl -T $dir/huge $site/h2/1.js`, "2 200 7 $size", 'and one goes';
my $peak = kib('VmHWM');
cmp_ok $peak, '<', 64 * 1024, "at its peak the worker held $peak KiB" unless is_sanitized();

my ($browser) = grep { -x } map { "/usr/bin/$_" } qw(chromium chromium-browser google-chrome);
SKIP: {
    skip 'no Chromium is installed', 1 unless $browser;
    my $port = $weir->port('tls');
    my $dom = `timeout 60 $browser --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --ignore-certificate-errors --user-data-dir=$dir/profile --virtual-time-budget=20000 --dump-dom https://127.0.0.1:$port/page.html 2>/dev/null`;
    like $dom, qr/saw 100 over h2 100/, 'Chromium loads a page of 100 files over HTTP/2';
}
done_testing;
