# SPDX-License-Identifier: Apache-2.0
# Row 10: a backend's name that does not resolve keeps nothing from starting, and recovers by itself.
use strict;
use warnings;
use Test::More;
use Weir::Test;

plan skip_all => 'needs root, for an /etc/hosts of its own' if $>;
plan skip_all => 'no /etc/hosts that another could stand for' unless -e '/etc/hosts';
need_tool('unshare');
plan skip_all => 'no mount namespaces here' if system 'unshare -m true 2>/dev/null';
my $backend = backend(sub { $_[0]->answer(200, 'found') });
my $dir = new_dir();
write_file("$dir/hosts", "127.0.0.1 localhost\n");
my $weir = weir(<<"END", mounts => "mount --bind $dir/hosts /etc/hosts");
sites = ( { names = [ "a.test" ]; listen = [ "http://127.0.0.1:%port:web%" ];
            proxy = { to = "http://backend.weir-test.invalid:$backend->{port}"; }; },
          { names = [ "b.test" ]; listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "b"; }; } );
END
my $ask = sub { return request($weir, 'GET', '/', { Host => $_[0] }) };

is $ask->('b.test')->{body}, 'b', 'P2: the other site serves';
is $ask->('a.test')->{status}, 502, 'row 10: its own site answers 502';
ok $weir->logged(qr/502 dns_error.*does not resolve/), 'the log has the reason';
write_file("$dir/hosts", "127.0.0.1 localhost backend.weir-test.invalid\n");
ok wait_for { $ask->('a.test')->{body} eq 'found' }, 'P2: once the name resolves the site is back, without a reload';
done_testing;
