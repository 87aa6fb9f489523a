# SPDX-License-Identifier: Apache-2.0
# Handshakes as openssl's client sees them: versions, certificates, names, resumption, client
# certificates. Rows of FEATURES: 3, 13, 14, 27.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('openssl');
my $dir = new_dir();
make_certificate($dir, name => 'ec', names => ['a.test', '*.wild.test', 'localhost']);
make_certificate($dir, name => 'rsa', key => 'rsa', names => ['a.test', '*.wild.test', 'localhost']);
make_certificate($dir, name => 'b', names => ['b.test']);
make_certificate($dir, name => 'user', names => ['user']);
make_certificate($dir, name => 'stranger', names => ['stranger']);
make_certificate($dir, name => 'old', names => ['user'], days => -1);
my $weir = weir(<<"END", workers => 2);
sites = (
  { names = [ "a.test", "*.wild.test" ]; listen = [ "https://127.0.0.1:%port:web%" ];
    tls = { certificates = ( { certificate = "$dir/ec.pem"; key = "$dir/ec-key.pem"; },
                             { certificate = "$dir/rsa.pem"; key = "$dir/rsa-key.pem"; } ); };
    respond = { text = "a \$ssl_protocol \$ssl_server_name \$ssl_session_reused\\n"; }; },
  { names = [ "b.test" ]; listen = [ "https://127.0.0.1:%port:web%" ];
    tls = { certificate = "$dir/b.pem"; key = "$dir/b-key.pem"; profile = "modern"; };
    http2 = true; respond = { text = "b\\n"; }; },
  { names = [ "c.test" ]; listen = [ "https://127.0.0.1:%port:web%" ];
    tls = { certificate = "$dir/b.pem"; key = "$dir/b-key.pem";
            client = { verify = "required"; ca = "$dir/user.pem"; }; };
    respond = { text = "\$ssl_client_verify \$ssl_client_s_dn\\n"; }; },
  { names = [ "e.test" ]; listen = [ "https://127.0.0.1:%port:web%" ];
    tls = { certificate = "$dir/b.pem"; key = "$dir/b-key.pem"; protocols = [ "TLSv1.2" ];
            ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384"; groups = [ "P-384" ]; };
    respond = { text = "e\n"; }; },
  { names = [ "b.test" ]; listen = [ "https://127.0.0.1:%port:strict%" ];
    tls = { certificate = "$dir/b.pem"; key = "$dir/b-key.pem"; reject_unknown = true; };
    respond = { text = "b\n"; }; },
  { names = [ "d.test" ]; listen = [ "https://127.0.0.1:%port:web%" ];
    tls = { certificate = "$dir/b.pem"; key = "$dir/b-key.pem";
            client = { verify = "optional"; ca = "$dir/user.pem"; }; };
    respond = { text = "\$ssl_client_verify\\n"; }; });
END
my $to = '127.0.0.1:' . $weir->port;

# What `openssl s_client` prints, and the answer to one request for the name.
sub s_client {
    my ($name, @options) = @_;
    my $request = "GET / HTTP/1.1\\r\\nHost: $name\\r\\nConnection: close\\r\\n\\r\\n";
    my $options = join ' ', map { "'$_'" } @options;
    return scalar `printf '$request' | timeout 10 openssl s_client -connect $to -servername $name -ign_eof $options 2>&1`;
}

my $said = s_client('a.test');
like $said, qr/^a TLSv1\.3 a\.test \./m, 'row 14: TLS 1.3 by default';
like $said, qr/CN = a\.test/, 'row 13, row 87: the certificate of the site by name';
like s_client('a.test', '-tls1_2'), qr/^a TLSv1\.2/m, 'row 14: TLS 1.2 is spoken';
unlike s_client('a.test', '-tls1_1', '-cipher', 'ALL@SECLEVEL=0'), qr/^a TLS/m, 'row 14: TLS 1.1 is refused';
like s_client('a.test', '-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'), qr/Peer signature type: RSA/,
    'row 13: a client of RSA gets that certificate';
like s_client('a.test', '-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256'), qr/Peer signature type: ECDSA/,
    'row 13: and one of ECDSA the other';
like s_client('x.wild.test'), qr/^a TLSv1\.3 x\.wild\.test/m, 'a wildcard name';
like s_client('b.test'), qr/CN = b\.test.*^b$/ms, 'a second site by its name';
unlike s_client('b.test', '-tls1_2'), qr/^b$/m, 'profile = "modern" is its own: no TLS 1.2 there';
like s_client('nobody.test'), qr{CN = a\.test.*421 Misdirected}s, 'an unknown name: the default certificate, and 421';
like s_client('b.test', '-alpn', 'h2,http/1.1'), qr/ALPN protocol: h2/, 'row 3: ALPN picks h2 where the site has it';
like s_client('a.test', '-alpn', 'h2,http/1.1'), qr{ALPN protocol: http/1\.1}, 'row 3: and HTTP/1.1 where not';
my $plain = client($weir);
$plain->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
like $plain->rest, qr{^HTTP/1\.1 400 .*speaks HTTPS}s, 'row 3: plain HTTP on the TLS port is told so';

# Resumption: by ticket, with either worker, and after a reload.
for my $version ('-tls1_2', '-tls1_3') {
    s_client('a.test', $version, '-sess_out', "$dir/session$version");
    my @again = map { s_client('a.test', $version, '-sess_in', "$dir/session$version") } 1 .. 6;
    is scalar(grep { /^a TLSv1\.\d a\.test r$/m } @again), 6, "$version: six resumed with two workers";
}
# By session id, for clients without tickets: the cache is shared, too.
my @by_id = ('-tls1_2', '-no_ticket');
s_client('a.test', @by_id, '-sess_out', "$dir/by_id");
my @again = map { s_client('a.test', @by_id, '-sess_in', "$dir/by_id") } 1 .. 6;
is scalar(grep { /^a TLSv1\.2 a\.test r$/m } @again), 6, 'by session id: six resumed with two workers';
ok $weir->reload, 'a reload';
like s_client('a.test', '-sess_in', "$dir/session-tls1_3"), qr/a\.test r$/m, 'a session of before is resumed by its ticket';
like s_client('a.test', @by_id, '-sess_in', "$dir/by_id"), qr/a\.test r$/m, 'and by its id';

# Groups and ciphers are the site's own; a name that no site has may be refused.
like s_client('e.test', '-groups', 'X25519:P-256:P-384'), qr/Server Temp Key: ECDH, (?:P-384|secp384r1)/, 'groups of a second site';
like s_client('a.test', '-groups', 'P-521:X25519'), qr/Server Temp Key: X25519/, 'and of the first';
like s_client('e.test', '-tls1_2'), qr/ECDHE-ECDSA-AES256-GCM-SHA384/, 'ciphers and protocols of a site';
unlike s_client('e.test', '-tls1_3'), qr/^e$/m, 'no others';
my $strict = sub { `openssl s_client -connect 127.0.0.1:@{[$weir->port('strict')]} -servername $_[0] </dev/null 2>&1` };
like $strict->('b.test'), qr/CN = b\.test/, 'reject_unknown: a name that is known';
like $strict->('nobody.test'), qr{tlsv1 unrecognized name}, 'and one that is not';

# Client certificates.
my @user = ('-cert', "$dir/user.pem", '-key', "$dir/user-key.pem");
like s_client('c.test', @user), qr/^SUCCESS CN=user$/m, 'a client certificate';
unlike s_client('c.test'), qr/^(?:NONE|SUCCESS)/m, 'none, where it is required';
my @stranger = ('-cert', "$dir/stranger.pem", '-key', "$dir/stranger-key.pem");
unlike s_client('c.test', @stranger), qr/^(?:FAILED|SUCCESS)/m, 'one of another issuer';
like s_client('d.test'), qr/^NONE$/m, 'optional: none';
like s_client('d.test', @stranger), qr/^FAILED:/m, 'optional: of another issuer';
like s_client('d.test', '-cert', "$dir/old.pem", '-key', "$dir/old-key.pem"), qr/^FAILED:/m, 'optional: expired';
done_testing;
