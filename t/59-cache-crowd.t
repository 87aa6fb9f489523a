# SPDX-License-Identifier: Apache-2.0
# Many clients ask at once for one large object that nobody has yet: one fetch, equal bodies, little
# memory. And a fetch that dies halfway gives nobody a body as if whole. WEIR_STRESS: 1,000 clients, 100 MiB.
use strict;
use warnings;
use POSIX ();
use Test::More;
use Weir::Test;

my $stress = $ENV{WEIR_STRESS} || 0;
my ($clients, $mib) = $stress ? (1000, 100) : is_sanitized() ? (50, 4) : (100, 6);
my $piece = join '', map { pack 'N', $_ * 2654435761 % 4294967296 } 0 .. 262143; # a MiB
my %gates = (whole => gate(), half => gate());
my $large = backend(sub {
    my ($conn, $request) = @_;
    my ($name) = $request->{path} =~ m{/(\w+)};
    $conn->send("HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nContent-Length: " . ($mib << 20) . "\r\n\r\n");
    for my $n (1 .. $mib) {
        $gates{$name}->wait if $n == int($mib / 2);
        return $conn->close if $name eq 'half' && $n == int($mib / 2) + 1;
        $conn->send($piece);
    }
});
my $weir = weir(<<"CONF", workers => 2);
cache = { files = { path = "%dir%/cache"; memory = "4m"; inactive = "1d"; }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://127.0.0.1:$large->{port}"; };
            cache = { zone = "files"; lock_timeout = "60s"; }; } );
CONF

# Reads one response on each of them as it comes, into one buffer for all; counts those that are whole and
# right, and those that end too early, which must not look whole.
sub read_all {
    my ($path, $n) = @_;
    my ($whole, $cut, $twice, $part) = (0, 0, $piece . $piece, '');
    my @clients = map { my $c = client($weir); $c->send("GET $path HTTP/1.1\r\nHost: test\r\n\r\n"); $c } 1 .. $n;
    my %left = map { fileno $_->{socket} => { c => $_, at => 0 } } @clients;
    my $select = IO::Select->new(map { $_->{socket} } @clients);
    while ($select->count) {
        my @ready = $select->can_read($Weir::Test::DEADLINE * 4) or last;
        for my $socket (@ready) {
            my $one = $left{ fileno $socket };
            if (!$one->{length}) {
                my $head = $one->{c}->until(qr/\r\n\r\n/) // '';
                if ($head =~ m{^HTTP/1\.1 50[024] }) { $cut++; $select->remove($socket); next } # it came when the fetch had died
                ($one->{length}) = $head =~ m{^HTTP/1\.1 200 .*^Content-Length: (\d+)\r}ims or last;
                $part = $one->{c}->take(length $one->{c}{buffer});
            } elsif (!sysread $socket, $part, 1 << 19) {
                $cut++;
                $select->remove($socket);
                next;
            }
            $part eq substr $twice, $one->{at} % length $piece, length $part or last;
            $one->{at} += length $part;
            if ($one->{at} == $one->{length}) { $whole++; $select->remove($socket) }
        }
    }
    return ($whole, $cut);
}

# 250 descriptors are enough for each process.
sub crowd {
    my ($path) = @_;
    my @pipes;
    for (my $left = $clients; $left > 0; $left -= 250) {
        pipe my $reader, my $writer or die;
        my $pid = fork // die;
        if (!$pid) {
            my @counts = read_all($path, $left < 250 ? $left : 250);
            syswrite $writer, "@counts";
            POSIX::_exit(0);
        }
        push @pipes, [$pid, $reader];
    }
    return @pipes;
}
sub settle {
    my ($whole, $cut) = (0, 0);
    for (@_) {
        my ($pid, $reader) = @$_;
        waitpid $pid, 0;
        sysread $reader, my $text, 64;
        my @counts = split ' ', $text // '';
        $whole += $counts[0] // 0;
        $cut += $counts[1] // 0;
    }
    return ($whole, $cut);
}
sub anonymous { # KiB of the workers' own memory
    my $sum = 0;
    for my $pid ($weir->worker_pids) { $sum += read_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m ? $1 : 0 }
    return $sum;
}

my $before = anonymous();
my @crowd = crowd('/whole');
ok wait_for { scalar $large->requests } , "$clients clients ask for $mib MiB";
$gates{whole}->open;
my $largest = 0;
wait_for { my $now = anonymous(); $largest = $now if $now > $largest; !grep { waitpid($_->[0], POSIX::WNOHANG()) == 0 } @crowd } $stress ? 1500 : undef;
my ($whole, $cut) = settle(@crowd);
is $whole, $clients, '... all bodies are equal';
is scalar($large->requests), 1, '... of one fetch';
my $grown = $largest - $before;
diag("$clients clients, $mib MiB: the workers' own memory grew by $grown KiB") if $stress;
SKIP: {
    skip 'a sanitizer keeps what is freed', 1 if is_sanitized();
    # 64 KiB of a body are on their way to each, beside what a connection and a request take.
    cmp_ok $grown, '<', 20_000 + ($stress ? 112 : 40) * $clients, "... and the workers' memory stays small";
}
@crowd = crowd('/half');
ok wait_for { $large->requests == 2 }, 'a fetch that dies halfway';
$gates{half}->open;
($whole, $cut) = settle(@crowd);
is $whole, 0, '... gives nobody a body as if whole';
is $cut, $clients, '... but an end that all can see';
done_testing;
