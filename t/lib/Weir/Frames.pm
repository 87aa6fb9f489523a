# SPDX-License-Identifier: Apache-2.0
# Weir::Frames - HTTP/2 frame by frame (RFC 9113), without a library: what tests send and read.
# Fields are packed as literals without indexing, so no state has to be kept (RFC 7541, 6.2.2).
package Weir::Frames;
use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(frame frames pack_fields next_frame h2_hello $DATA $HEADERS $PRIORITY $RST $SETTINGS
    $PING $GOAWAY $WINDOW $CONTINUATION $END_STREAM $END_HEADERS $ACK);

our ($DATA, $HEADERS, $PRIORITY, $RST, $SETTINGS, $PING, $GOAWAY, $WINDOW, $CONTINUATION)
    = (0, 1, 2, 3, 4, 6, 7, 8, 9);
our ($END_STREAM, $ACK, $END_HEADERS) = (1, 1, 4);

sub frame {
    my ($type, $flags, $stream, $text) = @_;
    return substr(pack('N', length $text), 1) . pack('CCN', $type, $flags, $stream) . $text;
}

# All frames in the bytes: [type, flags, stream, text], ...
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

sub number {
    my ($n) = @_; # RFC 7541, 5.1, with a prefix of seven bits
    return chr $n if $n < 127;
    my $text = chr 127;
    for ($n -= 127; $n >= 128; $n >>= 7) { $text .= chr($n & 127 | 128) }
    return $text . chr $n;
}

sub pack_fields {
    my (@fields) = @_;
    my $text = '';
    while (my ($name, $value) = splice @fields, 0, 2) {
        $text .= "\0" . join '', map { number(length) . $_ } $name, $value;
    }
    return $text;
}

# The next frame that comes on a connection of Weir::Test; nothing at its end.
sub next_frame {
    my ($conn) = @_;
    my $head = $conn->take(9);
    return unless length $head == 9;
    my ($high, $low, $type, $flags, $stream) = unpack 'CnCCN', $head;
    return [$type, $flags, $stream, $conn->take($high << 16 | $low)];
}

# A backend's beginning: takes the client's preface and says `settings` (number, value, ...).
sub h2_hello {
    my ($conn, @settings) = @_;
    my $text = '';
    while (my ($id, $value) = splice @settings, 0, 2) { $text .= pack 'nN', $id, $value }
    $conn->send(frame($SETTINGS, 0, 0, $text));
    return $conn->take(24) eq "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
}

1;
