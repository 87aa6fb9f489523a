# SPDX-License-Identifier: Apache-2.0
# What holds for peers of HTTP/1 holds for those that speak by a codec: retries on statuses, the PROXY protocol.
use strict;
use warnings;
use Test::More;
use Weir::Test;
use Weir::Frames;

# An HTTP/2 backend that says its name with a status of its own. `proxied`: a PROXY header comes first.
sub h2 {
    my ($name, $status, $proxied) = @_;
    return backend(sub {
        my ($conn) = @_;
        $conn->note($conn->until($proxied)) if $proxied;
        h2_hello($conn);
        while (my $f = next_frame($conn)) {
            my ($type, $flags, $stream) = @$f;
            $conn->send(frame($SETTINGS, $ACK, 0, '')) if $type == $SETTINGS && !($flags & $ACK);
            next unless ($type == $HEADERS || $type == $DATA) && $flags & $END_STREAM;
            $conn->note("asked $name");
            $conn->send(frame($HEADERS, $END_HEADERS, $stream, pack_fields(':status', $status)) . frame($DATA, $END_STREAM, $stream, $name));
        }
        $conn->note('closed');
    }, raw => 1);
}
my %p = (ill => h2('ill', 503), well => h2('well', 200), worse => h2('worse', 503),
    v1 => h2('v1', 200, qr/^PROXY[^\r]*\r\n/), v2 => h2('v2', 200, qr/^\r\n\r\n\0\r\nQUIT\n.{16}/s));
my $nobody = closed_port();
my $servers = sub { join ', ', map { qq[{ address = "127.0.0.1:$p{$_}{port}"; max_fails = 0; }] } @_ };
my $weir = weir(<<"END");
upstream = { mixed = { retry = { on = [ "error", "503" ]; }; servers = ( ${\ $servers->(qw(ill well))} ); };
             none = { retry = { on = [ "error", "503" ]; }; servers = ( ${\ $servers->(qw(ill worse))} ); };
             ill = { servers = ( ${\ $servers->('ill')} ); }; well = { servers = ( ${\ $servers->('well')} ); };
             keeps = { servers = ( ${\ $servers->(qw(ill well))} ); };
             v1 = { servers = { address = "127.0.0.1:$p{v1}{port}"; proxy_protocol = 1; }; };
             v2 = { servers = { address = "127.0.0.1:$p{v2}{port}"; proxy_protocol = 2; }; }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; headers = { response = { set = { X-Statuses = "\$upstream_status"; }; }; };
  routes = ( ${\ join ', ', map { qq[{ path = "/$_"; proxy = { to = "h2://$_"; }; }] } qw(mixed none keeps well v1 v2)},
    { path = "/text"; on_error = ( { status = 503; respond = { text = "sorry"; }; upstream = true; } ); proxy = { to = "h2://ill"; }; },
    { path = "/page"; on_error = ( { status = 503; path = "/well"; upstream = true; } ); proxy = { to = "h2://ill"; }; },
    { path = "/own"; on_error = ( { status = 503; path = "/well"; answer = "own"; upstream = true; } ); proxy = { to = "h2://ill"; }; },
    { path = "/left"; on_error = ( { status = 503; path = "/well"; } ); proxy = { to = "h2://ill"; }; },
    { path = "/down"; on_error = ( { status = 502; path = "/well"; } ); proxy = { to = "h2://127.0.0.1:$nobody"; }; } ); } );
END
my $all = sub { my ($group, $n) = @_; return join ' ', map { my $r = get($weir, "/$group"); "$r->{body}:" . $r->header('X-Statuses') } 1 .. $n };
is $all->('mixed', 4), 'well:503, 200 well:200 well:503, 200 well:200', 'retry.on: a status is worth another peer';
like $weir->logged(qr/it answered 503/), qr/trying the next peer/, 'retry.on: the log says why';
like get($weir, '/none')->header('X-Statuses'), qr/^503, 503$/, 'retry.on: the last answer passes';
is get($weir, '/none')->{status}, 503, 'retry.on: as it is';
is join(' ', sort map { request($weir, 'POST', '/mixed', {}, 'x')->{status} } 1 .. 2), '200 503', 'retry.on: a POST is not repeated';
is join(' ', sort map { get($weir, '/keeps')->{status} } 1 .. 2), '200 503', 'retry.on: nor what is not asked for';

my $asked = client($weir);
my $said = sub { my ($path, $body) = @_;
    $asked->send(($body ? 'POST' : 'GET') . " /$path HTTP/1.1\r\nHost: a\r\nContent-Length: " . length($body) . "\r\n\r\n$body");
    my $r = $asked->response;
    return "$r->{status} $r->{body}" };
for my $body ('', 'x' x 1000) {
    is join(', ', map { $said->($_, $body) } qw(text page own left down text page well)), '503 sorry, 503 well, 200 well, 503 ill, 502 well, 503 sorry, 503 well, 200 well',
        'on_error: an answer over HTTP/2, or none, is replaced' . ($body ? ', that to a POST as well' : '');
}
is scalar(grep { $_ eq 'closed' } $p{ill}->notes), 0, 'on_error: and the connections to backends go on';

my $web = $weir->port;
my @ports;
for my $v ('v1', 'v2') {
    for (1, 2) {
        my $c = client($weir);
        push @ports, $c->{socket}->sockport;
        $c->send("GET /$v HTTP/1.1\r\nHost: a\r\n\r\n") for 1;
        is $c->response->{body}, $v, "$v: answered";
        $c->send("GET /$v HTTP/1.1\r\nHost: a\r\n\r\n");
        is $c->response->{body}, $v, "$v: once more on the client's connection";
    }
    is $p{$v}->connections, 4, "$v: each request has a connection of its own";
}
my @said = grep { /^PROXY/ } $p{v1}->notes;
is_deeply \@said, [map { ("PROXY TCP4 127.0.0.1 127.0.0.1 $_ $web\r\n") x 2 } @ports[0, 1]], 'v1: the client as weir saw it, before the preface';
@said = grep { /QUIT/ } $p{v2}->notes;
is_deeply [map { unpack 'H*', substr $_, 12 } @said], [map { (unpack 'H*', "\x21\x11\0\x0c" . pack 'C8nn', (127, 0, 0, 1) x 2, $_, $web) x 2 } @ports[2, 3]], 'v2: the same in binary';
done_testing;
