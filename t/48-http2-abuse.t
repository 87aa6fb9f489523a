# SPDX-License-Identifier: Apache-2.0
# HTTP/2 frame by frame on a plain port: what a client may not do, and what a drain looks like.
use strict;
use warnings;
use Test::More;
use Weir::Test;
use Weir::Frames;

my $dir = new_dir();
write_file("$dir/large", 'x' x 30000);
my $weir = weir(<<"END");
sites = ( { names = [ "example.com" ]; listen = [ "http://127.0.0.1:%port:web%" ]; http2 = { cleartext = true; };
            respond = { text = "fine"; }; routes = ( { path = "/large"; static = { root = "$dir"; }; } ); } );
END
my $get = "\x82\x86\x84\x41\x0bexample.com"; # GET http / example.com, by HPACK's static table

sub h2 {
    my (@settings) = @_;
    my $text = join '', map { pack 'nN', @$_ } @settings;
    my $c = client($weir);
    $c->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame($SETTINGS, 0, 0, $text));
    return $c;
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
ends_with $calm, 'a flood of continuations',
    frame($HEADERS, $END_STREAM, 1, $get) . join '', map { frame($CONTINUATION, 0, 1, '') } 1 .. 1000;
ends_with $calm, 'a flood of priorities', join '', map { frame($PRIORITY, 0, 1, "\0\0\0\3\x10") } 1 .. 1000;
ends_with $calm, 'a window that is opened byte by byte', frame($WINDOW, 0, 0, pack 'N', 1) x 1000;
ends_with $calm, 'streams that weir has to reset', join '', map {
    frame($HEADERS, $END_HEADERS, 2 * $_ + 1, "\x83\x86\x84\x41\x0bexample.com") . frame($WINDOW, 0, 2 * $_ + 1, pack 'N', 0x7fffffff)
} 0 .. 999;
ends_with $calm, 'heads that are no requests', join '', map { frame($HEADERS, $END_STREAM | $END_HEADERS, 2 * $_ + 1, "\x82") } 0 .. 999;
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

# A window of ten bytes: the answer comes as it is opened, and only then.
my $slow = h2([4, 10]);
$slow->send(frame($HEADERS, $END_STREAM | $END_HEADERS, 1, $get =~ s/\x84/\x04\x06\/large/r));
my @came;
while (my $f = next_frame($slow)) { push @came, $f; last if $f->[0] == $DATA }
is length $came[-1][3], 10, 'a window of ten bytes is kept to';
ok $slow->is_quiet, 'with nothing behind it';
$slow->send(frame($WINDOW, 0, 1, pack 'N', 29990));
my $rest = 0;
while (my $f = next_frame($slow)) { $rest += length $f->[3] if $f->[0] == $DATA; last if $f->[1] & $END_STREAM && $f->[2] }
is $rest, 29990, 'the rest, when it opens';

# RFC 9218: the more urgent answer first, whoever asked first.
my $both = h2();
my $large = $get =~ s/\x84/\x04\x06\/large/r;
$both->send(frame($HEADERS, $END_STREAM | $END_HEADERS, 1, $large . literal('priority', 'u=7'))
    . frame($HEADERS, $END_STREAM | $END_HEADERS, 3, $large . literal('priority', 'u=0')));
my @order;
while (@order < 2 && (my $f = next_frame($both))) { push @order, $f->[2] if $f->[0] == $DATA && $f->[1] & $END_STREAM }
is "@order", '3 1', 'priorities of RFC 9218';

# Extended CONNECT is offered; :authority and Host have to agree.
my ($settings) = grep { $_->[0] == $SETTINGS && !($_->[1] & $ACK) } frames(do { my $c = h2(); $c->half_close; $c->rest });
my %offered = unpack '(nN)*', $settings->[3];
is $offered{8}, 1, 'extended CONNECT is offered';
is $offered{3}, 128, 'and the number of streams is';
@frames = answer_to($get . literal('host', 'other.test'));
is ord(substr $frames[0][3], 0, 1), 0x8c, ':authority and Host differ: 400';
@frames = answer_to("\x82\x86\x84" . literal('host', 'example.com'));
is $frames[1][3], 'fine', 'a Host alone will do';

my $conn = h2();
$conn->send(frame($HEADERS, $END_STREAM | $END_HEADERS, 1, $get));
$conn->until(qr/fine/);
$weir->signal('QUIT');
my ($goaway) = grep { $_->[0] == $GOAWAY } frames($conn->rest);
is unpack('N', substr $goaway->[3], 4, 4), 0, 'a draining worker says GOAWAY without an error';
done_testing;
