# SPDX-License-Identifier: Apache-2.0
# HTTP/2 frame by frame on a plain port: what a client may not do, and what a drain looks like.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $weir = weir(<<'END');
sites = ( { names = [ "example.com" ]; listen = [ "http://127.0.0.1:%port:web%" ]; http2 = { cleartext = true; };
            respond = { text = "fine"; }; } );
END
my ($DATA, $HEADERS, $RST, $SETTINGS, $PING, $GOAWAY, $CONTINUATION) = (0, 1, 3, 4, 6, 7, 9);
my ($END_STREAM, $END_HEADERS) = (1, 4);
my $get = "\x82\x86\x84\x41\x0bexample.com"; # GET http / example.com, by HPACK's static table

sub frame {
    my ($type, $flags, $stream, $text) = @_;
    return substr(pack('N', length $text), 1) . pack('CCN', $type, $flags, $stream) . $text;
}

sub h2 { my $c = client($weir); $c->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame($SETTINGS, 0, 0, '')); return $c }

# All frames until the end: [type, flags, stream, text], ...
sub frames {
    my ($bytes) = @_;
    my @frames;
    while (length $bytes >= 9) {
        my ($high, $low, $type, $flags, $stream) = unpack 'CnCCN', $bytes;
        my $n = $high << 16 | $low;
        push @frames, [$type, $flags, $stream, substr $bytes, 9, $n];
        substr $bytes, 0, 9 + $n, '';
    }
    return @frames;
}

# The error code of the GOAWAY that the bytes have to end in.
sub ends_with {
    my ($code, $what, $send) = @_;
    my $conn = h2();
    $conn->send($send);
    my @goaway = grep { $_->[0] == $GOAWAY } frames($conn->rest);
    is @goaway ? unpack('N', substr $goaway[-1][3], 4, 4) : 'none', $code, $what;
}

my $calm = 11;
ends_with $calm, 'rapid reset', join '', map {
    frame($HEADERS, $END_STREAM | $END_HEADERS, 2 * $_ + 1, $get) . frame($RST, 0, 2 * $_ + 1, pack 'N', 8)
} 0 .. 999;
ends_with $calm, 'a flood of pings', frame($PING, 0, 0, 'x' x 8) x 1000;
ends_with $calm, 'a flood of settings', frame($SETTINGS, 0, 0, '') x 1000;
ends_with $calm, 'a flood of empty frames',
    frame($HEADERS, $END_HEADERS, 1, "\x83\x86\x84\x41\x0bexample.com") . frame($DATA, 0, 1, '') x 1000;
ends_with 1, 'DATA on stream 0', frame($DATA, 0, 0, 'x');
ends_with 9, 'a head that cannot be unpacked', frame($HEADERS, $END_STREAM | $END_HEADERS, 1, "\xff" x 9);
ends_with 6, 'a frame larger than allowed', frame($DATA, 0, 1, 'x' x 17000);

# The answer to one head, by its stream's frames.
sub answer_to {
    my ($head) = @_;
    my $conn = h2();
    $conn->send(frame($HEADERS, $END_STREAM | $END_HEADERS, 1, $head));
    $conn->half_close;
    return grep { $_->[2] == 1 } frames($conn->rest);
}
sub literal { my ($name, $value) = @_; return "\x00" . join '', map { chr(length) . $_ } $name, $value }

is((answer_to($get))[1][3], 'fine', 'a request is answered');
for my $case (['Connection', literal('connection', 'close')], ['an upper-case name', literal('X-Odd', 'x')],
    ['Transfer-Encoding', literal('transfer-encoding', 'chunked')], ['TE: gzip', literal('te', 'gzip')],
    ['a pseudo-field behind others', literal('x', 'y') . literal(':path', '/again')],
    ['a line feed in a value', literal('x', "a\nb")]) {
    my ($name, $more) = @$case;
    my @frames = answer_to($get . $more);
    is $frames[0][0], $RST, "$name: the stream is reset";
}
my @frames = answer_to("\x82\x86\x04\x03/\x7f\"\x41\x0bexample.com");
is $frames[0][0], $RST, 'a target that is no URI: the stream is reset';
@frames = answer_to("\x82\x86\x04\x04/%zz\x41\x0bexample.com");
is ord(substr $frames[0][3], 0, 1), 0x8c, 'one with a broken escape: 400'; # by the static table

my $conn = h2();
$conn->send(frame($HEADERS, $END_STREAM | $END_HEADERS, 1, $get));
$conn->until(qr/fine/);
$weir->signal('QUIT');
my ($goaway) = grep { $_->[0] == $GOAWAY } frames($conn->rest);
is unpack('N', substr $goaway->[3], 4, 4), 0, 'a draining worker says GOAWAY without an error';
done_testing;
