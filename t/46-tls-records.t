# SPDX-License-Identifier: Apache-2.0
# TLS 1.3 after the handshake: ciphers, large bodies both ways, key updates, records that were
# damaged or cut off on their way, the end of the stream; and that idle connections are small.
use strict;
use warnings;
use Test::More;
use IO::Socket::IP;
use IPC::Open2;
use Weir::Test;

need_tool('openssl', 'curl');
my $dir = new_dir();
my ($cert, $key) = make_certificate($dir, names => ['a.test', 'localhost']);
write_file("$dir/large", join '', map { chr(rand 256) } 1 .. 3_000_000);
my $backend = backend(sub { $_[0]->answer(200, $_[1]{body}) });
my $weir = weir(<<"END");
sites = ( { listen = [ "https://127.0.0.1:%port:web%" ]; tls = { certificate = "$cert"; key = "$key"; };
            routes = ( { path = "/echo"; proxy = { to = "http://127.0.0.1:$backend->{port}"; }; },
                       { path = "/"; static = { root = "$dir"; }; },
                       { exact = "/cipher"; respond = { text = "\$ssl_protocol \$ssl_cipher\\n"; }; } ); } );
END
my $port = $weir->port;
my $curl = "curl -sk --max-time 60 -o $dir/got";

# Ciphers, sizes, directions.
for my $cipher ('TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256') {
    is scalar `curl -sk --tls13-ciphers $cipher https://127.0.0.1:$port/cipher`, "TLSv1.3 $cipher\n", $cipher;
    system "$curl --tls13-ciphers $cipher https://127.0.0.1:$port/large";
    ok read_file("$dir/got") eq read_file("$dir/large"), "$cipher: 3 MB down";
}
for my $version ('--tlsv1.3', '--tls-max 1.2') {
    system "$curl $version --data-binary \@$dir/large https://127.0.0.1:$port/echo";
    ok read_file("$dir/got") eq read_file("$dir/large"), "$version: 3 MB up and down";
}

# Key updates: "K" asks for one of ours, too. Three requests around them.
my $pid = open2(my $out, my $in, "openssl s_client -crlf -connect 127.0.0.1:$port -servername a.test 2>&1");
my $said = '';
my $until = sub {
    my ($pattern) = @_;
    return wait_for { sysread $out, $said, 65536, length $said if IO::Select->new($out)->can_read(0); $said =~ $pattern };
};
my $ask = sub { $said = ''; syswrite $in, "HEAD /cipher HTTP/1.1\nHost: a.test\n\n" };
ok $until->(qr/Verify return code/), 's_client is connected';
for my $command ('', 'K', 'k', 'K') {
    if ($command) {
        $said = '';
        syswrite $in, "$command\n";
        ok $until->(qr/KEYUPDATE/), "a key update: $command";
    }
    $ask->();
    ok $until->(qr{HTTP/1\.1 200}), 'an answer';
}
kill 'TERM', $pid;
waitpid $pid, 0;

# A relay between s_client and weir. Once the ticket has passed, s_client gets its request to send, and
# what it sends then goes on changed by the code, or not at all.
sub through {
    my ($change) = @_;
    my $listen = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 1) or die $@;
    my $pid = open2(my $out, my $in, 'openssl s_client -crlf -ign_eof -connect 127.0.0.1:' . $listen->sockport . " 2>&1");
    my $client = $listen->accept;
    my $server = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port) or die $@;
    my ($answers, $asked, $said) = (0, 0, '');
    wait_for {
        for my $from (IO::Select->new($client, $server, $out)->can_read(0)) {
            my $n = sysread $from, my $bytes, 65536;
            if ($from == $out) { $said .= $bytes; return 1 if !$n; next }
            if (!$n) { shutdown $from == $client ? $server : $client, 1; next }
            if ($from == $client) {
                $bytes = $change->($bytes) if $asked;
                if (!defined $bytes) { shutdown $server, 1; next }
                syswrite $server, $bytes;
            } else {
                syswrite $client, $bytes;
                next if ++$answers < 2 || $asked++;
                syswrite $in, "HEAD /cipher HTTP/1.1\nHost: a\nConnection: close\n\n";
            }
        }
        0;
    };
    kill 'TERM', $pid;
    waitpid $pid, 0;
    return $said;
}
like through(sub { $_[0] }), qr{HTTP/1\.1 200}, 'through a relay';
like through(sub { substr($_[0], -20, 1) ^= "\x01"; $_[0] }), qr/bad record mac/, 'a record changed on its way is refused with an alert';
unlike through(sub { undef }), qr{HTTP/1\.1}, 'a stream that was cut off is no request';
is scalar `curl -sk https://127.0.0.1:$port/cipher`, "TLSv1.3 TLS_AES_128_GCM_SHA256\n", 'weir serves on, by its own order of ciphers';

# Idle connections.
SKIP: {
    skip 'sanitizers need memory of their own', 1 if is_sanitized();
    need_tool('python3');
    my ($worker) = $weir->worker_pids;
    my $rss = sub { read_file("/proc/$worker/status") =~ /VmRSS:\s+(\d+)/ ? $1 : 0 };
    write_file("$dir/idle.py", <<'END');
import socket, ssl, sys
c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
held = []
for i in range(int(sys.argv[2])):
    s = c.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
    s.sendall(b"GET /cipher HTTP/1.1\r\nHost: a\r\n\r\n")
    s.recv(4096)
    held.append(s)
print("ready", flush=True)
sys.stdin.read()
END
    my $n = 400;
    my $hold = sub {
        my ($count) = @_;
        my $pid = open2(my $from, my $to, 'python3', "$dir/idle.py", $port, $count);
        my $line = <$from>;
        my $now = $rss->();
        close $to;
        waitpid $pid, 0;
        return $now;
    };
    $hold->(10);
    my $before = $rss->();
    my $each = ($hold->($n) - $before) / $n;
    cmp_ok $each, '<', 8, sprintf('an idle connection costs %.1f KiB', $each);
}
done_testing;
