# SPDX-License-Identifier: Apache-2.0
# sub: texts are replaced wherever pieces end, in every kind of response that may have them.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('curl');
my $dir = new_dir();
my $long = 'word old.example.com aab aaab ' x 20_000;
write_file("$dir/a.html", $long);
write_file("$dir/a.html.gz", 'must not be sent');
write_file("$dir/a.css", 'old.example.com');
my $gate = gate();
my $backend = backend(sub {
    my ($conn, $r) = @_;
    my ($piece) = $r->{path} =~ /piece=(\d+)/;
    return $conn->answer(200, 'old.example.com', 'Content-Type' => 'text/html', 'Content-Encoding' => 'x') if $r->{path} eq '/coded';
    return $conn->answer(200, $r->header('Accept-Encoding') // 'none', 'Content-Type' => 'text/html') if $r->{path} eq '/accepts';
    $conn->answer_chunked(200, 'Content-Type' => 'text/html; charset=utf-8', ETag => '"e"');
    if ($r->{path} eq '/slowly') { $conn->send_chunk('data old.exam'); $gate->wait; $conn->send_chunk('ple.com data') }
    $conn->send_chunk($_) for unpack '(a' . ($piece // 1) . ')*', $piece ? 'x old.example.com aab aaaab old.example.co old.example.comold.example.com aa' : '';
    $conn->last_chunk;
});
my $weir = weir(<<"END");
sites = ( { names = [ "new.test" ]; listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://127.0.0.1:$backend->{port}"; };
  sub = { replace = ( [ "old.example.com", "\$host" ], [ "aab", "" ] ); }; compress = { types = [ "text/*" ]; };
  routes = ( { path = "/f/"; static = { mount = "$dir"; }; }, { path = "/once"; sub = { once = true; }; },
    { path = "/none"; sub = false; } ); } );
END
my $get = sub { my ($path, %h) = @_; get($weir, $path, Host => 'new.test', %h) };
my $want = 'x new.test  aa old.example.co new.testnew.test aa';
is $get->("/p?piece=$_")->{body}, $want, "pieces of $_" for 1 .. 20, 74;
is $get->("/once?piece=$_")->{body}, 'x new.test  aaaab old.example.co old.example.comold.example.com aa', "once, pieces of $_" for 1, 5, 74;
is $get->('/none?piece=9')->{body}, 'x old.example.com aab aaaab old.example.co old.example.comold.example.com aa', 'switched off';
(my $file = $long) =~ s/old\.example\.com/new.test/g;
$file =~ s/aab//g;
my $r = $get->('/f/a.html', 'Accept-Encoding' => 'identity', Range => 'bytes=0-3');
ok $r->{status} == 200 && $r->{body} eq $file, 'a file, whole';
like $get->('/f/a.html')->header('ETag'), qr/^W/, 'with a weak entity tag';
is $get->('/f/a.css')->{body}, 'old.example.com', 'other types stay';
is $get->('/coded')->{body}, 'old.example.com', 'so does what is coded';
is `curl -s --compressed -H 'Accept-Encoding: gzip' -H 'Host: new.test' http://127.0.0.1:@{[$weir->port]}/accepts`, 'none', 'backends are asked not to';
for my $coding (qw(gzip br zstd)) {
    my $got = `curl -s --compressed -H 'Accept-Encoding: $coding' -H 'Host: new.test' http://127.0.0.1:@{[$weir->port]}/f/a.html`;
    ok $got eq $file, "the result is coded as the client likes: $coding";
}
is $get->('/f/a.html', 'Accept-Encoding' => 'gzip')->header('Content-Encoding'), 'gzip', 'indeed';
my $client = client($weir);
$client->send("GET /slowly HTTP/1.1\r\nHost: new.test\r\n\r\n");
ok $client->until(qr/data /), 'what cannot be a text is not held back';
$gate->open;
like $client->until(qr/\r\n0\r\n\r\n/) =~ s/\r\n\w+\r\n//gr, qr/new\.test data/, 'and the rest comes';
my ($status, $said) = check_config('sites = ( { listen = [ "http://127.0.0.1:1" ]; respond = true; sub = { replace = ( [ "", "x" ] ); }; } );');
like $said, qr/sub\.replace: "": expected a text of 1 to 256 bytes/, 'an empty text';
done_testing;
