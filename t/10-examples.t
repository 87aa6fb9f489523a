# SPDX-License-Identifier: Apache-2.0
# The example configurations load as written.
use strict;
use warnings;
use File::Basename ();
use Test::More;
use Weir::Test;

my $examples = source_dir() . '/t/examples';
# Paths aside: certificates, keys, password files and roots have to be there.
my $dir = new_dir();
make_certificate($dir);
mkdir "$dir/www";
write_file("$dir/htpasswd", "admin:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n");
my %paths = ('/etc/ssl/certs/example.com.crt' => "$dir/cert.pem", '/etc/ssl/private/example.com.key' => "$dir/key.pem",
    '/var/www/example.com' => "$dir/www", '/var/www/php' => "$dir/www", '/etc/weir/admin.htpasswd' => "$dir/htpasswd");
for my $name (map { File::Basename::basename($_) } sort glob "$examples/*.conf") {
    my $text = read_file("$examples/$name");
    $text =~ s/"\Q$_\E"/"$paths{$_}"/g for keys %paths;
    my ($status, undef, $said) = run_weir('-t', '-c', write_file("$dir/$name", $text));
    is $status, 0, "P30: $name loads" or diag $said;
    my (undef, $first) = run_weir('-T', '-c', "$dir/$name");
    my (undef, $second) = run_weir('-T', '-c', write_file("$dir/again.conf", $first));
    s/\s*#.*$//mg for $first, $second;
    is $second, $first, "$name: what -T prints can be read back";
}
done_testing;
