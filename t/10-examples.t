# SPDX-License-Identifier: Apache-2.0
# The example configurations load as written, or say which module they lack.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $examples = source_dir() . '/t/examples';
my $minimal = read_file("$examples/01-minimal.conf");
for my $case (['00-server.conf'], ['01-minimal.conf'], ['03-websocket.conf'],
    ['04-upstreams.conf'], ['05-cache.conf'], ['06-limits.conf'], ['07-php.conf']) {
    my ($name, @missing) = @$case;
    my ($status, undef, $said) = run_weir('-t', '-c', "$examples/$name");
    is $status, @missing ? 1 : 0, "$name " . (@missing ? 'is refused' : 'loads') or diag $said;
    like $said, qr/error:.*"?\Q$_\E"?/, "$name: $_ is named" for @missing;
}

# Paths aside: the certificate, the key and the root have to be there.
my $dir = new_dir();
make_certificate($dir);
mkdir "$dir/www";
my $production = read_file("$examples/02-production.conf");
$production =~ s{"/etc/ssl/certs/example.com.crt"}{"$dir/cert.pem"};
$production =~ s{"/etc/ssl/private/example.com.key"}{"$dir/key.pem"};
$production =~ s{"/var/www/example.com"}{"$dir/www"};
my ($loads, undef, $why) = run_weir('-t', '-c', write_file("$dir/production.conf", $production));
is $loads, 0, '02-production.conf loads' or diag $why;

my ($status, $first) = run_weir('-T', '-c', "$examples/01-minimal.conf");
my $file = write_file(new_dir() . '/again.conf', $first);
my (undef, $second) = run_weir('-T', '-c', $file);
s/\s*#.*$//mg for $first, $second;
is $second, $first, 'what -T prints can be read back';
done_testing;
