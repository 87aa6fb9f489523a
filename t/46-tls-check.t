# SPDX-License-Identifier: Apache-2.0
# What `weir -t` finds in certificates and keys before they are used.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('openssl');
my $dir = new_dir();
sub openssl {
    my $said = `cd $dir && openssl @_ 2>&1`;
    die "openssl @_: $said" if $?;
}
make_certificate($dir, name => $_, names => ["$_.test"]) for 'good', 'other';
make_certificate($dir, name => 'old', names => ['old.test'], days => -1);
openssl('req -x509 -newkey rsa:1024 -nodes -subj /CN=weak.test -days 9 -keyout weak-key.pem -out weak.pem');
openssl('ec -in good-key.pem -aes128 -passout pass:x -out locked-key.pem');
# root -> middle -> leaf, of which the file may lack one.
openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=root -days 30 -keyout root-key.pem -out root.pem");
write_file("$dir/ca.ext", "basicConstraints=CA:TRUE\n");
for (['middle', 'root', '-extfile ca.ext'], ['leaf', 'middle', '']) {
    my ($name, $issuer, $more) = @$_;
    openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$name -keyout $name-key.pem -out $name.csr");
    openssl("x509 -req -in $name.csr -CA $issuer.pem -CAkey $issuer-key.pem -set_serial 5 -days 30 $more -out $name.pem");
}
write_file("$dir/half.pem", read_file("$dir/leaf.pem") . read_file("$dir/middle.pem"));
write_file("$dir/whole.pem", read_file("$dir/half.pem") . read_file("$dir/root.pem"));
write_file("$dir/wrong.pem", read_file("$dir/leaf.pem") . read_file("$dir/root.pem"));

sub check {
    my ($certificate, $key, $more) = @_;
    return check_config("sites = ( { listen = [ \"https://127.0.0.1:1\" ]; respond = { text = \"x\"; };\n"
        . "tls = { certificate = \"$dir/$certificate.pem\"; key = \"$dir/$key.pem\"; ${\($more // '')} }; } );\n");
}
for (
    ['good', 'good-key', 0, qr/^(?!.*(?:error|warning))/s, 'a sound pair'],
    ['good', 'other-key', 1, qr/weir\.conf:2.*the key in \S+ does not belong to the certificate in/, 'a key of another certificate'],
    ['old', 'old-key', 1, qr/weir\.conf:2.*expired \d+ days? ago: renew it/, 'one that has expired'],
    ['weak', 'weak-key', 1, qr/weir\.conf:2.*a key of 1024 bits: clients expect at least 2048/, 'a weak key'],
    ['good', 'locked-key', 1, qr/locked by a pass phrase/, 'a key with a pass phrase'],
    ['good', 'nothing', 1, qr/cannot read \S+nothing\.pem: No such file/, 'no file'],
    ['good-key', 'good-key', 1, qr/holds no certificate in PEM form/, 'a file of another kind'],
    ['leaf', 'leaf-key', 0, qr/the chain is incomplete: it ends at a certificate issued by "\/CN=middle"/, 'the leaf alone'],
    ['half', 'leaf-key', 0, qr/the chain is incomplete: it ends at a certificate issued by "\/CN=root"/, 'a root nobody knows'],
    ['whole', 'leaf-key', 0, qr/^(?!.*incomplete)/s, 'down to the root'],
    ['wrong', 'leaf-key', 1, qr/certificate 2 is for "\/CN=root", but the one before it was issued by "\/CN=middle"/, 'a gap'],
    ['good', 'good-key', 1, qr/"TLSv1": expected "TLSv1\.2" or "TLSv1\.3"/, 'a broken version', 'protocols = [ "TLSv1" ];'],
    ['good', 'good-key', 1, qr/OpenSSL does not know all of these/, 'a group that is none', 'groups = [ "X26619" ];'],
    ['good', 'good-key', 1, qr/client\.ca is missing/, 'client certificates without issuers', 'client = { verify = "required"; };'],
    ['good', 'good-key', 0, qr/names no responder/, 'nobody to ask', 'ocsp = "auto";'],
) {
    my ($certificate, $key, $status, $pattern, $what, $more) = @$_;
    my ($was, $said) = check($certificate, $key, $more);
    is $was, $status, $what;
    like $said, $pattern, "$what: the message";
}
SKIP: {
    skip 'root may read everything, and nobody else may run this weir', 2 unless is_open_to('nobody');
    chmod 0600, "$dir/good-key.pem";
    write_file("$dir/weir.conf", "sites = ( { listen = [ \"https://127.0.0.1:1\" ]; respond = { text = \"x\"; };\n"
        . "tls = { certificate = \"$dir/good.pem\"; key = \"$dir/good-key.pem\"; }; } );\n");
    chmod 0000, "$dir/good-key.pem";
    my ($was, undef, $said) = run_weir({ user => 'nobody' }, '-t', '-c', "$dir/weir.conf");
    is $was, 1, 'a key that may not be read';
    like $said, qr/cannot read \S+good-key\.pem: Permission denied/, 'a key that may not be read: the message';
}
done_testing;
