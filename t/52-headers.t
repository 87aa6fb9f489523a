# SPDX-License-Identifier: Apache-2.0
# `expires` in several scopes, and beside rules for Cache-Control. Rows 23 and 24.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $weir = weir(<<"END");
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "x"; };
  headers = { response = { expires = "1h"; }; };
  routes = ( { path = "/off"; headers = { response = { expires = "off"; }; }; },
    { path = "/day"; headers = { response = { expires = "1d"; }; }; },
    { path = "/add"; headers = { response = { set = { Cache-Control = "public"; }; add = { Cache-Control = "immutable"; }; }; }; } ); } );
END
sub control { return get($weir, $_[0])->header('Cache-Control') // 'none' }

is control('/'), 'max-age=3600', 'row 23: expires of the site';
is control('/day'), 'max-age=86400', 'the route has its own';
is control('/off'), 'none', 'or none';
is control('/add'), 'max-age=3600, public, immutable', 'row 24: what rules say is merged into one line';
done_testing;
