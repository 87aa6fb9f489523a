# SPDX-License-Identifier: Apache-2.0
# Early data (0-RTT): off by default; where it is on, for safe methods only, marked for the backend,
# and a recording of it that is sent again is not taken a second time.
use strict;
use warnings;
use Test::More;
use IO::Socket::IP;
use POSIX ();
use Weir::Test;

need_tool('openssl');
my $dir = new_dir();
make_certificate($dir, name => $_, names => ["$_.test"]) for 'on', 'off';
my $backend = backend(sub { $_[0]->answer(200, 'early=' . ($_[1]->header('early-data') // 'none')) });
my $site = sub {
    my ($name, $more) = @_;
    return "{ names = [ \"$name.test\" ]; listen = [ \"https://127.0.0.1:%port:web%\" ]; "
        . "tls = { certificate = \"$dir/$name.pem\"; key = \"$dir/$name-key.pem\"; $more }; "
        . "proxy = { to = \"http://127.0.0.1:$backend->{port}\"; }; }";
};
my $weir = weir('sites = ( ' . $site->('off', '') . ', ' . $site->('on', 'early_data = true;') . ' );', workers => 2);
my $port = $weir->port;

sub s_client {
    my ($name, $to, @options) = @_;
    return scalar `timeout 20 openssl s_client -connect 127.0.0.1:$to -servername $name.test -ign_eof @options </dev/null 2>&1`;
}

# A session of that site, made with a request of its own.
sub session {
    my ($name) = @_;
    my $file = "$dir/session-$name";
    unlink $file;
    my $request = "GET / HTTP/1.1\\r\\nHost: $name.test\\r\\nConnection: close\\r\\n\\r\\n";
    `printf '$request' | timeout 20 openssl s_client -connect 127.0.0.1:$port -servername $name.test -ign_eof -sess_out $file 2>&1`;
    return $file;
}

sub early {
    my ($name, $method, $to) = @_;
    my $body = $method eq 'POST' ? "Content-Length: 0\r\n" : '';
    my $data = write_file("$dir/request", "$method /$method HTTP/1.1\r\nHost: $name.test\r\n${body}Connection: close\r\n\r\n");
    return s_client($name, $to // $port, '-sess_in', session($name), '-early_data', $data);
}

my $said = early('on', 'GET');
like $said, qr/Early data was accepted/, 'accepted where it is on';
like $said, qr/early=1/, 'the backend is told';
$said = early('on', 'POST');
like $said, qr/Early data was accepted.*HTTP\/1\.1 425/s, 'a method that changes something is sent back: 425';
is scalar(grep { $_->{method} eq 'POST' } $backend->requests), 0, 'and does not reach the backend';
unlike early('off', 'GET'), qr/Early data was accepted/, 'off by default, beside a site where it is on';

# A recording: the first message with its early data, sent again by somebody in between.
my $listen = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 1) or die $@;
my $pid = fork;
if (!$pid) { open STDOUT, '>', "$dir/through"; print early('on', 'GET', $listen->sockport); close STDOUT; POSIX::_exit(0) }
my $client = $listen->accept;
my $server = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port) or die $@;
my ($recorded, $answered) = ('', 0);
wait_for {
    for my $from (IO::Select->new($client, $server)->can_read(0)) {
        my $n = sysread $from, my $bytes, 65536;
        return 1 if !$n;
        $recorded .= $bytes if $from == $client && !$answered;
        $answered = 1 if $from == $server;
        syswrite $from == $client ? $server : $client, $bytes;
    }
    0;
};
close $_ for $client, $server;
waitpid $pid, 0;
like read_file("$dir/through"), qr/Early data was accepted/, 'recorded';
my $before = $backend->requests;
for (1 .. 4) {
    my $again = client($weir);
    $again->send($recorded);
    ok $again->more, 'sent again, and answered with a handshake';
    $again->close;
}
get($backend, '/mark');
is scalar(grep { $_->{path} eq '/GET' } $backend->requests), scalar(grep { $_->{path} eq '/GET' } ($backend->requests)[0 .. $before - 1]),
    'the backend does not see it again';
done_testing;
