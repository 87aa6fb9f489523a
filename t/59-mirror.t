# SPDX-License-Identifier: Apache-2.0
# mirror: copies of requests go to another upstream too, and nothing about them is seen by clients.
use strict;
use warnings;
use Digest::MD5 'md5_hex';
use Test::More;
use Weir::Test;

need_tool('curl');
my $dir = new_dir();
my $gate = gate();
my $app = backend(sub { my ($conn, $r) = @_; $conn->answer(200, 'the app') });
my $twin = backend(sub { my ($conn, $r) = @_;
    if ($r->{path} =~ m{^/wait}) { $conn->note('waiting'); $gate->wait }
    $conn->answer(500, 'the twin');
});
my $reader = backend(sub { my ($conn) = @_; $conn->read_head; $conn->note('head'); $conn->rest }, raw => 1);
my $closed = closed_port();
my $weir = weir(<<"END");
cache = { one = { memory = "1m"; }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; http2 = { cleartext = true; };
  proxy = { to = "http://127.0.0.1:$app->{port}"; }; mirror = { to = "http://127.0.0.1:$twin->{port}"; };
  headers = { request = { set = { X-Id = "\$request_id"; X-Real-IP = "of a rule"; }; remove = [ "X-Gone" ]; }; };
  routes = ( { path = "/below"; mirror = { to = "http://127.0.0.1:$twin->{port}/twin/"; }; },
    { path = "/small"; mirror = { max_body = 1000; }; }, { path = "/wait"; mirror = { copies = 2; timeout = "1h"; }; },
    { path = "/broken"; proxy = { to = "http://127.0.0.1:$reader->{port}"; }; },
    { path = "/part"; mirror = { share = "30%"; }; }, { path = "/none"; mirror = { share = "0%"; }; },
    { path = "/dead"; mirror = { to = "http://127.0.0.1:$closed"; }; },
    { path = "/denied"; access = { deny = "all"; }; }, { path = "/kept"; cache = { zone = "one"; valid = "200 1m"; }; },
    { path = "/s"; mirror = false; status = true; } ); } );
END
sub copies { my ($result) = @_; return (get($weir, '/s/metrics')->{body} =~ /^weir_mirror_copies_total\{result="$result"\} (\d+)/m)[0] }
sub copied { my ($path) = @_; return wait_for { (grep { $_->{path} eq $path } $twin->requests)[0] } }
sub at { my ($backend, $path) = @_; return scalar grep { $_->{path} eq $path } $backend->requests }

is request($weir, 'DELETE', '/a%20b?c=1', { Host => 'Some.test:99', 'X-Gone' => 1, 'X-Own' => 'kept', 'X-Hop' => 1, Connection => 'close, x-hop',
    'X-Forwarded-For' => 'a lie', Cookie => 'c=1' })->{body}, 'the app', 'the client gets the answer of the backend';
my $copy = copied('/a%20b?c=1');
is $copy->{method}, 'DELETE', 'the copy has its method';
my ($sent) = $app->last_request;
is $copy->header($_) // '-', $sent->header($_) // '-', "$_ is as in the request: " . ($sent->header($_) // '-')
    for qw(Host X-Own X-Gone X-Hop X-Id X-Forwarded-For X-Forwarded-Proto X-Forwarded-Host X-Real-IP Cookie Content-Length);
get($weir, '/below/x?y');
ok copied('/twin/below/x?y'), 'a path in `to` goes in front';

# A twin that is dead.
my $since = time;
is join(' ', map { request($weir, 'POST', '/dead', {}, 'x' x 5000)->{status} } 1 .. 20), join(' ', (200) x 20), 'a dead twin is not noticed';
ok wait_for { copies('failed') == 20 }, 'but each copy that got lost is counted';
ok $weir->logged(qr/mirror: copies for http:\S+:$closed that got lost: 1, the last one: .*refused/), 'and the log says so';
cmp_ok scalar(grep { /:$closed/ } split /\n/, $weir->error_log), '<=', 1 + (time - $since + 1) / 10, 'in a line every ten seconds at most';

# A body that is too large, and requests that are not chosen.
request($weir, 'POST', '/small/' . length, {}, $_) for 'x' x 1001, 'x' x 1000, 'x' x 500_000;
ok copied('/small/1000'), 'a body at the limit';
is copies('large'), 2, 'those over it are not copied, and counted';
is at($twin, '/small/1001') . at($twin, '/small/500000'), '00', 'indeed';
is +(grep { $_->{path} eq '/small/500000' } $app->requests)[0]{md5}, md5_hex('x' x 500_000), 'but they pass, whole';

get($weir, "/part/$_") for 1 .. 60;
my @chosen = map { $_->{path} } grep { hex(substr $_->header('X-Id'), -8) < 0.3 * 2**32 } grep { $_->{path} =~ m{^/part/} } $app->requests;
ok @chosen > 0 && @chosen < 60, 'a share is some requests, and not all';
get($weir, '/none');
get($weir, '/end-of-part');
ok copied('/end-of-part'), 'the last one';
ok wait_for { @chosen == grep { $_->{path} =~ m{^/part/} } $twin->requests }, 'as many as the ids say: ' . @chosen . ' of 60';
is_deeply [sort map { $_->{path} } grep { $_->{path} =~ m{^/part/} } $twin->requests], [sort @chosen], 'and those';
is at($twin, '/none'), 0, 'a share of nothing';
is get($weir, '/denied')->{status}, 403, 'what is refused';
get($weir, '/kept') for 1, 2;
ok wait_for { at($twin, '/kept') == 2 }, 'what a cache answers is copied';
is at($app, '/kept') . at($twin, '/denied'), '10', 'what was refused is not';

# A twin that stands still, and a client that leaves.
ok wait_for { copies('sent') == grep { 1 } $twin->requests }, 'no copy is under way';
is join(' ', map { get($weir, "/wait/$_")->{status} } 1 .. 5), '200 200 200 200 200', 'a twin that does not answer holds nobody up';
is copies('busy'), 3, 'and only so many copies wait for it';
$gate->open;
my $client = client($weir);
$client->send("POST /broken HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf");
ok $reader->noted('head'), 'an upload begins';
$client->reset;
ok wait_for { copies('cut') == 1 }, 'half an upload is no copy';
is at($twin, '/broken'), 0, 'it does not get there';
# Bodies, on both protocols.
my %md5;
for my $body ('x', join('', map { chr($_ * $_ % 251) } 1 .. 300_000)) {
    my $path = '/body/' . length $body;
    write_file("$dir/body", $body);
    request($weir, 'POST', "$path/length", {}, $body);
    request($weir, 'PUT', "$path/chunks", { 'Transfer-Encoding' => 'chunked' },
        join('', map { sprintf("%x\r\n%s\r\n", length, $_) } unpack '(a7001)*', $body) . "0\r\n\r\n");
    `curl -s --http2-prior-knowledge --data-binary '\@$dir/body' http://127.0.0.1:@{[$weir->port]}$path/h2`;
    `curl -s --http2-prior-knowledge -T - http://127.0.0.1:@{[$weir->port]}$path/h2-stream <'$dir/body'`;
    $md5{"$path/$_"} = md5_hex($body) for qw(length chunks h2 h2-stream);
}
ok wait_for { 8 == (() = read_file($twin->{journal}) =~ m{"path":"/body/.*\n}g) }, 'copies with bodies';
is_deeply { map { $_->{path} => $_->{md5} } grep { $md5{ $_->{path} } } $_->requests }, \%md5, 'the same bytes come to both' for $app, $twin;
my (undef, $said) = check_config('sites = ( { listen = [ "http://127.0.0.1:1" ]; respond = true; mirror = { to = "http://127.0.0.1:2"; share = "half"; }; } );');
like $said, qr/mirror\.share: "half": expected a percentage/, 'a share that is none';
done_testing;
