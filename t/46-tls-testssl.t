# SPDX-License-Identifier: Apache-2.0
# testssl.sh finds no weakness rated above LOW. It takes minutes: only with WEIR_STRESS. What it says
# of the test's own certificate (self-signed, without CRL or responder) is not weir's. It looks at the
# header fields of the site, too, so the site has those of production.
use strict;
use warnings;
use JSON::PP ();
use Test::More;
use Weir::Test;

plan skip_all => 'set WEIR_STRESS=1: it takes minutes' unless $ENV{WEIR_STRESS};
need_tool('testssl', 'openssl');
alarm 3600;
my $dir = new_dir();
make_certificate($dir, name => 'ec');
make_certificate($dir, name => 'rsa', key => 'rsa');
my $weir = weir(<<"END");
sites = ( { listen = [ "https://127.0.0.1:%port:web%" ]; http2 = true; respond = { text = "x"; };
            headers = { response = { set = { Strict-Transport-Security = "max-age=31536000"; X-Frame-Options = "DENY";
                                             X-Content-Type-Options = "nosniff"; Content-Security-Policy = "default-src 'self'";
                                             Referrer-Policy = "no-referrer"; }; }; };
            tls = { certificates = ( { certificate = "$dir/ec.pem"; key = "$dir/ec-key.pem"; },
                                     { certificate = "$dir/rsa.pem"; key = "$dir/rsa-key.pem"; } ); }; } );
END
my $options = $ENV{WEIR_TESTSSL_OPTIONS} // ''; # a part of the checks, such as "-P -p"
`testssl --quiet --color 0 --warnings off $options --jsonfile $dir/found.json 127.0.0.1:@{[$weir->port]} </dev/null 2>&1`;
my $found = JSON::PP->new->decode(read_file("$dir/found.json"));
cmp_ok scalar @$found, '>', 5, scalar(@$found) . ' findings';
is join("\n", map { "$_->{severity} $_->{id}: $_->{finding}" }
        grep { $_->{severity} =~ /MEDIUM|HIGH|CRITICAL/ && $_->{id} !~ /^cert_/ } @$found), '', 'none above LOW';
done_testing;
