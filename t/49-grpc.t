# SPDX-License-Identifier: Apache-2.0
# gRPC end to end, with @grpc/grpc-js from npm on both sides: all kinds of calls, errors with
# trailers, deadlines, cancelling; over plain text and over TLS.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('node');
my $dir = $ENV{WEIR_TEST_GRPC} || new_dir();
if (!-d "$dir/node_modules/\@grpc/grpc-js") {
    plan skip_all => 'npm is not installed: it brings @grpc/grpc-js' if system('npm --version >/dev/null 2>&1');
    my $said = `cd $dir && echo '{}' > package.json && timeout 120 npm install --no-audit --no-fund \@grpc/grpc-js\@1 2>&1`;
    plan skip_all => "npm cannot reach its registry: $said" if $?;
}
my $certificates = new_dir();
make_certificate($certificates);
my $backend = program(['node', lib_dir() . '/grpc-server.js', $dir, '%port%']);
my $dead = closed_port();
my $weir = weir(<<"END");
sites = ( { names = [ "127.0.0.1", "example.com" ]; default = true;
  listen = [ "http://127.0.0.1:%port:plain%", "https://127.0.0.1:%port:tls%" ];
  tls = { certificate = "$certificates/cert.pem"; key = "$certificates/key.pem"; };
  http2 = { cleartext = true; };
  proxy = { to = "h2://127.0.0.1:$backend->{port}"; };
  routes = ( { path = "/dead.Service"; proxy = { to = "h2://127.0.0.1:$dead"; }; },
             { path = "/slow.Service"; proxy = { to = "h2://127.0.0.1:$backend->{port}"; deadline = "200ms"; strip_prefix = "/slow.Service"; add_prefix = "/test.Echo"; }; } ); } );
END
my %expected = (unary => 'hello yes 5', large => 1048576, error => 'NOT_FOUND no such thing because',
    missing => 'UNIMPLEMENTED', down => 2000000, up => 2000000, both => 50, parallel => 200,
    deadline => 'DEADLINE_EXCEEDED', cancel => 'CANCELLED', 'bidi cancel' => '3 CANCELLED Cancelled on client',
    dead => 'UNAVAILABLE 502 connection_refused', slow => 'DEADLINE_EXCEEDED 504 http_response_timeout',
    'backend saw cancelled' => 4);

sub calls {
    my ($what, @arguments) = @_;
    my $client = lib_dir() . '/grpc-client.js';
    my $said = `timeout 60 node $client $dir @arguments 2>&1`;
    my %got = $said =~ /^([^:\n]+): (.*)$/mg;
    is $got{$_}, $expected{$_}, "$what: $_" for grep { $_ ne 'backend saw cancelled' } sort keys %expected;
    # grpc-js asks again when it is slow to notice an end: there may be one more.
    cmp_ok $got{'backend saw cancelled'} // 0, '>=', $expected{'backend saw cancelled'}, "$what: the backend sees cancelled calls";
    diag $said if $said =~ /died/;
}
calls('plain', '127.0.0.1:' . $weir->port('plain'));
calls('TLS', 'localhost:' . $weir->port('tls'), "$certificates/cert.pem");
done_testing;
