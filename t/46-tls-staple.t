# SPDX-License-Identifier: Apache-2.0
# OCSP stapling: what the issuer's responder says, fetched by one of two workers and kept over a
# reload, and what a file says; a responder that is gone, and one that says "revoked".
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('openssl');
my $dir = new_dir();
my $port = free_port();
sub openssl {
    my $said = `cd $dir && openssl @_ 2>&1`;
    die "openssl @_: $said" if $?;
    return $said;
}
openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=issuer -days 30 -keyout ca-key.pem -out ca.pem");

# A certificate of that issuer which names the responder; its line for the responder's index.
my $index = '';
sub issue {
    my ($name, $serial, $state) = @_;
    write_file("$dir/$name.ext", "subjectAltName=DNS:$name.test\nauthorityInfoAccess=OCSP;URI:http://127.0.0.1:$port/ocsp\n");
    openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$name.test -keyout $name-key.pem -out $name.csr");
    openssl("x509 -req -in $name.csr -CA ca.pem -CAkey ca-key.pem -set_serial $serial -days 30 -extfile $name.ext -out $name-leaf.pem");
    write_file("$dir/$name.pem", read_file("$dir/$name-leaf.pem") . read_file("$dir/ca.pem"));
    $index .= "$state\t401231000000Z\t" . ($state eq 'R' ? '200101000000Z' : '') . "\t0$serial\tunknown\t/CN=$name.test\n";
}
issue('good', 1, 'V');
issue('bad', 2, 'R');
issue('file', 3, 'V');
write_file("$dir/index", $index);
openssl('ocsp -index index -CA ca.pem -rsigner ca.pem -rkey ca-key.pem -issuer ca.pem -cert file-leaf.pem -respout file.der -ndays 2');
my $responder = backend(sub {
    my ($conn, $request) = @_;
    local $SIG{CHLD} = "DEFAULT";
    my $at = write_file("$dir/request-$$", $request->{body});
    openssl("ocsp -index index -CA ca.pem -rsigner ca.pem -rkey ca-key.pem -reqin $at -respout $at.der -nmin 60");
    $conn->answer(200, read_file("$at.der"), 'Content-Type' => 'application/ocsp-response');
}, port => $port);
my $site = sub {
    my ($name, $more) = @_;
    return "{ names = [ \"$name.test\" ]; listen = [ \"https://127.0.0.1:%port:web%\" ]; tls = { "
        . "certificate = \"$dir/$name.pem\"; key = \"$dir/$name-key.pem\"; $more }; respond = { text = \"x\"; }; }";
};
my $weir = weir('sites = ( ' . join(', ', $site->('good', 'ocsp = "auto";'), $site->('bad', 'ocsp = "auto";'),
    $site->('file', "ocsp_file = \"$dir/file.der\";")) . ' );', workers => 2);

sub stapled {
    my ($name) = @_;
    my $to = '127.0.0.1:' . $weir->port;
    my $said = `openssl s_client -connect $to -servername $name.test -status -CAfile $dir/ca.pem </dev/null 2>&1`;
    return $said =~ /Cert Status: (\w+)/ ? $1 : 'none';
}
ok wait_for { stapled('good') eq 'good' }, 'the responder was asked, and its answer goes along';
is scalar(grep { stapled('good') eq 'good' } 1 .. 4), 4, 'in both workers';
is stapled('file'), 'good', 'from a file';
ok $weir->logged(qr/site bad\.test: its OCSP responder .*REVOKED/), 'a revoked certificate is noticed loudly';
is stapled('bad'), 'none', 'and nothing is stapled to it';
my $asked = $responder->requests;
is $asked, 2, 'one worker asked for both, once for each certificate';
$responder->stop;
ok $weir->reload, 'a reload, and the responder is gone';
is stapled('good'), 'good', 'what it said before is still there';
done_testing;
