# SPDX-License-Identifier: Apache-2.0
# Where one answer of a backend ends and the next begins. Answers are made from a grammar with mutations;
# each carries a further answer in its body, and no client may ever be given that one. What a backend
# sends that has no one reading is 502, or is cut short; never another request's answer.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $count = $ENV{WEIR_STRESS} ? 4000 : 360;
my $seed = $ENV{WEIR_SEED} || 11;
my $at_a_time = 60;
sub one { return $_[rand @_] }
sub rarely { my ($usual, @odd) = @_; return rand() < 0.95 ? $usual : one(@odd) }
sub eol { return rarely("\r\n", "\n", "\r", "\r\r\n", "\r\n ", "\x0b\r\n") }

sub length_field {
    my ($n) = @_;
    my $value = rarely($n, "+$n", "0$n", "$n, $n", "$n,", "$n ", "\t$n", "$n\x0b", sprintf('0x%x', $n), "$n;", '-0', '', $n - 1, $n + 5, 0, '18446744073709551616', "$n.0", "\"$n\"");
    return rarely('Content-Length', 'content-length', 'Content_Length', 'Content-Length ', ' Content-Length', "\0Content-Length", 'Content-Length:') . ": $value" . eol();
}

sub coding_field {
    my $value = rarely('chunked', 'Chunked', 'chunked ', "\tchunked", "chunked\x0b", 'x, chunked', 'chunked, identity', 'chunked, chunked', 'chunked;q=1', '"chunked"',
        'identity', 'chunkedx', ',chunked', "chun\tked", '', "\r\n chunked", 'gzip, chunked');
    return rarely('Transfer-Encoding', 'transfer-encoding', 'Transfer_Encoding', 'Transfer-Encoding ', ' Transfer-Encoding', "X\rTransfer-Encoding") . rarely(': ', ':', " : ", ":\t") . $value . eol();
}

sub chunks {
    my ($data) = @_;
    my $n = sprintf '%x', length $data;
    my $size = rarely($n, "0$n", "$n ", " $n", "$n;a=b", "$n;a=\"\n\"", "0x$n", "$n\x0b", "-$n", "+$n", "1000000000000000$n", "$n;\r;x", "$n,$n", uc $n);
    return $size . eol() . $data . rarely("\r\n", "\n", '', "\r\nx", 'xx') . rarely('0', '00', '0 ', '0;a', '-0', 'g', '') . eol()
        . rarely('', "X: y\r\n", "Content-Length: 9\r\n", "X : y\r\n", " folded\r\n", "X: y\n") . rarely("\r\n", "\n", "\r", '');
}

# The answer to request $i: the same in the backend and here.
sub message {
    my ($i) = @_;
    srand($seed * 100_003 + $i);
    my $body = "HTTP/1.1 200 OK\r\nX-Stolen: $i\r\nContent-Length: 6\r\n\r\nstolen";
    my $status = rarely(200, 204, 304, 404, 205, 100, 103, 101, 199, 1000, 99, '2 0', '0200', '+200', '');
    $body = 'no answer, and not to be one' if $status =~ /^1..$/; # what follows an interim answer is one
    my $text = rarely('', "\r\n", "\n", ' ', "\0") . rarely('HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/01.1', 'ICY', '')
        . rarely(' ', '  ', "\t", '') . $status . rarely(' OK', '', ' ', " \0", " O\rK", ' ' . 'x' x 99) . eol();
    my @fields = ("X-For: $i" . eol());
    push @fields, one("X-A: b\r\n c\r\n", "X-A\r\n", ": b\r\n", "X A: b\r\n", "X-A : b\r\n", "X-A: \0\r\n", "Connection: close\r\n", "Connection: Content-Length\r\n", "Connection: Transfer-Encoding\r\n",
        "X-A: b\rContent-Length: 5\r\n", "Upgrade: h2c\r\n", "Trailer: Content-Length\r\n", "Set-Cookie: a\r\nSet-Cookie: b\r\n") if rand() < 0.4;
    my $kind = one(qw(length coding both none twice codings));
    push @fields, length_field(length $body) if $kind =~ /length|both|twice/;
    push @fields, length_field(one(0, 4, length $body)) if $kind eq 'twice';
    push @fields, coding_field() if $kind =~ /coding|both/;
    push @fields, coding_field() if $kind eq 'codings';
    @fields = reverse @fields if rand() < 0.5;
    return $text . join('', @fields) . rarely("\r\n", "\n", "\r\n ") . ($kind =~ /coding|both/ ? chunks($body) : $body);
}

# A connection is held open for a while, so that what was left on it could meet the next request.
my $backend = backend(sub { my ($conn) = @_;
    while (my ($line) = $conn->read_head) {
        my ($method, $what, $i) = $line =~ m{^(\w+) /(\w+)-(\d+) } or last;
        $conn->send($what eq 'm' ? message($i) : "HTTP/1.1 200 OK\r\nX-For: after-$i\r\nContent-Length: 5\r\n\r\nafter") or last;
        last if $what eq 'm' && !Weir::Test::wait_readable($conn->{socket}, 0.4);
    }
}, raw => 1);
my $weir = weir(<<"END");
upstream = { odd = { servers = ( { address = "127.0.0.1:$backend->{port}"; max_fails = 0; } ); }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://odd"; retry = false; }; } );
END

# All that comes on a connection, read strictly: [status, X-For, X-Stolen, whole?], and what is left.
sub ask {
    my ($c, @paths) = @_;
    $c->send(join '', map { "GET $_ HTTP/1.1\r\nHost: a\r\n\r\n" } @paths);
    return $c;
}

my (%status, @stolen, @mixed, @odd, $whole);
for (my $first = 1; $first <= $count; $first += $at_a_time) {
    my @batch = grep { $_ <= $count } $first .. $first + $at_a_time - 1;
    my %client = map { $_ => ask(client($weir), "/m-$_", "/after-$_") } @batch;
    for my $i (@batch) {
        my $r = $client{$i}->response;
        $r = $client{$i}->response while $r->{status} && $r->{status} < 200 && $r->{status} != 101;
        my $status = $r->{status} || 'cut';
        $status{$status}++;
        push @odd, "$i: $status" if $status ne 'cut' && $status !~ /^(200|204|205|304|404|502)$/;
        push @stolen, $i if grep { /^X-Stolen/i } @{ $r->{lines} || [] };
        push @mixed, $i if $status eq '200' && ($r->header('X-For') // '') ne $i;
        $whole++ if $r->{complete} && $status eq '200';
        next if $status eq 'cut' || !$r->{complete};
        my $after = $client{$i}->response;
        next if !$after->{status}; # the connection was closed
        push @stolen, $i if grep { /^X-Stolen/i } @{ $after->{lines} };
        push @mixed, "$i: after" if $after->{status} ne '502' && ($after->{status} ne '200' || $after->header('X-For') ne "after-$i" || $after->{body} ne 'after');
    }
}
is "@stolen", '', 'nobody was given an answer from within another one';
is "@mixed", '', 'no answer belongs to another request';
is "@odd", '', 'what cannot be read is 502 or cut, nothing else';
cmp_ok $status{502}, '>', $count / 6, "weir refused $status{502} of $count answers";
cmp_ok $whole, '>', $count / 20, "and passed $whole on, whole";
diag join ', ', map { "$_: $status{$_}" } sort keys %status if $ENV{WEIR_SEED};
done_testing;
