# SPDX-License-Identifier: Apache-2.0
# The whole of weir is killed, again and again, while objects are being written: what is served
# after the next start is whole and right, and nothing half is left.
use strict;
use warnings;
use Digest::MD5 'md5_hex';
use Test::More;
use Weir::Test;

sub content { my ($path) = @_; my ($size) = $path =~ m{/(\d+)/}; my $unit = md5_hex($path); return substr($unit x ($size / 32 + 1), 0, $size) }

my $backend = backend(sub {
    my ($conn, $request) = @_;
    my $body = content($request->{path});
    my @fields = ('Cache-Control' => 'max-age=3600', ETag => '"' . md5_hex($body) . '"');
    return $conn->answer(200, $body, @fields) if $request->{path} !~ /chunked/;
    $conn->answer_chunked(200, @fields);
    $conn->send_chunk($_) for unpack '(a20000)*', $body;
    $conn->last_chunk;
});
my $dir = new_dir();
mkdir "$dir/cache";
chmod 0777, "$dir/cache";
sub start {
    return weir(<<"CONF", dir => $dir, workers => 2, may_die => 1);
cache = { files = { path = "%dir%/cache"; memory = "4m"; inactive = "1d"; }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://127.0.0.1:$backend->{port}"; };
            cache = { zone = "files"; }; } );
CONF
}
sub right { my ($weir, $path) = @_; my $r = get($weir, $path); return $r->{status} == 200 && $r->{complete} && $r->{body} eq content($path) }

my $kills = $ENV{WEIR_STRESS} ? 200 : 20;
my (@paths, $wrong);
for my $i (1 .. $kills) {
    my $weir = start();
    # Those of the last round, and one of an earlier one.
    right($weir, $_) or $wrong .= " $_" for @paths ? (@paths[-6 .. -1], $paths[$i * 7919 % @paths]) : ();
    my @new = map { ("/" . (1000 + 7919 * ($i * 6 + $_) % 400_000) . "/k$i-$_" . ($_ % 2 ? '?chunked' : '')) } 1 .. 6;
    my @clients = map { my $c = client($weir); $c->send("GET $_ HTTP/1.1\r\nHost: test\r\n\r\n"); $c } @new;
    # When half of one of them has come: in the middle of most of them.
    $clients[$i % 6]->take(int(length(content($new[$i % 6])) / 2));
    my $loader = ($weir->loader_pids)[0];
    my @workers = $weir->worker_pids;
    kill 'KILL', $weir->{pid}, $loader, @workers;
    $weir->wait_end;
    $weir->{stopped} = 1;
    # Not all systems reap what lost its parent.
    wait_for { my $stat = read_file("/proc/$_/stat"); $stat eq '' || $stat =~ /\) Z / } for $loader, @workers;
    push @paths, @new;
}
is $wrong // '', '', "killed $kills times: what is served afterwards is right";
my $weir = start();
is scalar(grep { right($weir, $_) } @paths), @paths, '... all of ' . @paths . ' objects';
my $asked = $backend->requests;
is scalar(grep { right($weir, $_) } @paths), @paths, '... and again';
is scalar($backend->requests), $asked, '... without the backend';
ok wait_for { !glob "$dir/cache/aside/*" }, '... and nothing half is left aside';
unlike $weir->error_log, qr/Sanitizer|damaged/, '... no file was damaged by that';
ok $weir->stop, 'it ends cleanly';
done_testing;
