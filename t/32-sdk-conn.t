# SPDX-License-Identifier: Apache-2.0
# The phases of a connection: accepted, first bytes, closed; and who the client is.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $build = $ENV{WEIR_BUILD} || source_dir() . '/build';
my $mine = "$build/t/modules/.libs";
plan skip_all => 'the modules of the tests are not built' unless -e "$mine/greet.so";
my $dir = new_dir();
my ($certificate, $key) = make_certificate($dir);
my $weir = weir(<<"END", server => qq[modules_path = [ "$build/modules", "$mine" ];]);
greet = true;
sites = ( { listen = [ "http://127.0.0.1:%port:web%", "https://127.0.0.1:%port:tls%" ]; http2 = true;
  tls = { certificate = "$certificate"; key = "$key"; };
  respond = { text = "\$remote_addr \$remote_port"; }; } );
END
my $ask = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

my $c = client($weir);
$c->send("FROM 192.0.2.7:99\n$ask");
is $c->response->{body}, '192.0.2.7 99', 'the first line says who the client is, the rest is the request';
$c->send($ask);
is $c->response->{body}, '192.0.2.7 99', 'for the whole connection';
$c->send("GET / HTTP/1.1\r\nHost: a\r\nX-From: 2001:db8::5\r\n\r\n");
is $c->response->{body}, '2001:db8::5 0', 'a request may know better';
$c->send("GET / HTTP/1.1\r\nHost: a\r\nX-From: nobody\r\n\r\n");
is $c->response->{status}, 400, 'and be wrong';
$c->close;
$c = client($weir);
for my $piece (split /(?<=[ .])/, "FROM 192.0.2.8:1\n") {
    $c->send($piece);
}
$c->send($ask);
is $c->response->{body}, '192.0.2.8 1', 'in pieces';
$c->close;
for my $bad ("GET / HTTP/1.1\r\n\r\n", "FROM nobody\n", 'x' x 200) {
    $c = client($weir);
    $c->send($bad);
    is $c->rest, '', 'another beginning closes the connection';
}
$c = client($weir);
$c->send('FROM'); # and no more

$c->close;
SKIP: {
    eval { require IO::Socket::SSL } or skip 'IO::Socket::SSL is not installed', 1;
    my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:" . $weir->port('tls')) or die $!;
    print {$s} "FROM 192.0.2.9:2\n";
    $s->flush;
    IO::Socket::SSL->start_SSL($s, SSL_verify_mode => 0, SSL_alpn_protocols => ['http/1.1']) or die "no handshake";
    print {$s} "GET / HTTP/1.0\r\nHost: a\r\n\r\n";
    like join('', <$s>), qr/192\.0\.2\.9 2/, 'before a TLS handshake';
    close $s;
}
ok $weir->logged(qr/greet: 0 connections are left/), 'each that was accepted is told closed';
done_testing;
