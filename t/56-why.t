# SPDX-License-Identifier: Apache-2.0
# weir why: from the id in an error page to the reason and what to do.
use strict;
use warnings;
use JSON::PP;
use Test::More;
use Weir::Test;

my $nobody = closed_port();
my $weir = weir(<<"END");
sites = ( { names = [ "a" ]; listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://127.0.0.1:$nobody"; }; },
          { names = [ "b" ]; listen = [ "http://127.0.0.1:%port:web%" ]; error_log = { path = "%dir%/b.log"; }; static = { root = "%dir%"; }; } );
END
my $ask = sub { run_weir('-c', $weir->{conf}, 'why', @_) };
my ($id) = get($weir, '/', Host => 'a')->{body} =~ /^request: ([0-9a-f]{32})$/m;
ok $id, 'the error page has an id';
my ($status, $said) = $ask->($id);
is $status, 0, 'row 82, P20: it is found';
like $said, qr/\[id $id\] 502 connection_refused: "GET \/"/, 'the entry';
like $said, qr/^  reason  connection_refused\n  advice  Nothing listens at the backend's address/m, 'row 82, P20: reason and advice';

my ($other) = get($weir, '/none', Host => 'b')->{body} =~ /^request: ([0-9a-f]{32})$/m;
rename "$weir->{dir}/b.log", "$weir->{dir}/b.log.1";
($status, $said) = $ask->($other, '--json');
my ($entry) = @{ decode_json($said) };
is "$entry->{reason} $entry->{file}", "file_not_found $weir->{dir}/b.log.1", "row 17: a site's own log, rotated; as JSON";
like $entry->{advice}, qr/static\.root/, 'with advice';

my ($none, undef, $why) = $ask->('0' x 32);
is $none, 1, 'an unknown one:';
like $why, qr/say nothing of this request/, 'is said to be so';
($none, undef, $why) = $ask->('xyz');
is $none, 2, 'no id at all';
like $why, qr/expected 32 hexadecimal digits/, 'is explained';

my ($names) = read_file(source_dir() . '/server/http/request.c') =~ /reason_names\[.*?\{(.*?)\};/s;
my $advice = read_file(source_dir() . '/server/process/why.c');
my @missing = grep { $_ ne 'configured' && $advice !~ /\{"$_",/ } $names =~ /"([a-z_]+)"/g;
is_deeply \@missing, [], 'every reason has its advice';
done_testing;
