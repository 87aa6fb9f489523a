# SPDX-License-Identifier: Apache-2.0
# weir diff: how the files differ from what runs, as effective values; weir status: that they do.
use strict;
use warnings;
use Test::More;
use JSON::PP ();
use Weir::Test;

my $text = <<'END';
upstream = { app = { servers = ( { address = "127.0.0.1:1"; }, { address = "127.0.0.1:2"; weight = 3; } ); }; };
sites = (
  { names = [ "one.example" ]; listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://app"; };
    routes = ( { path = "/a"; respond = { text = "a"; }; }, { path = "/b"; respond = { text = "b"; }; } ); },
  { names = [ "two.example" ]; listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "two"; }; } );
END
my $weir = weir($text);
my $diff = sub { run_weir('-c', $weir->{conf}, 'diff', @_) };
my $status = sub { run_weir('-c', $weir->{conf}, 'status', @_) };
# Its lines without the place.
sub lines { return map { s/  # .*//r } split /\n/, $_[0] }

is_deeply [($diff->())[0, 1]], [0, ''], 'no difference: nothing is said, status 0';
like +($status->())[1], qr/^files +are as they were loaded$/m, 'weir status says so';
$weir->configure("# a comment\n" . $text =~ s/respond = \{ text = "two"; \};/respond = { text = "two"; status = 200; };/r);
is +($diff->())[0], 0, 'nor is it one that lines move or a default is written out';

$weir->configure($text =~ s/text = "a"/text = "A"/r =~ s/weight = 3/weight = 4/r
    =~ s/\{ path = "\/b";.*?; \}; \}/{ path = "\/c"; respond = { text = "c"; }; }/r);
my ($rc, $out) = $diff->();
is $rc, 1, 'row 83: there are differences';
is_deeply [lines($out)], [
    '- sites[one.example].routes = /a, /b', '+ sites[one.example].routes = /a, /c',
    '- sites[one.example].routes[/a].respond.text = "a"', '+ sites[one.example].routes[/a].respond.text = "A"',
    '- sites[one.example].routes[/b] = set', '- sites[one.example].routes[/b].path = "/b"',
    '- sites[one.example].routes[/b].respond = set', '- sites[one.example].routes[/b].respond.text = "b"',
    '+ sites[one.example].routes[/c] = set', '+ sites[one.example].routes[/c].path = "/c"',
    '+ sites[one.example].routes[/c].respond = set', '+ sites[one.example].routes[/c].respond.text = "c"',
    '- upstream.app.servers[127.0.0.1:2].weight = 3', '+ upstream.app.servers[127.0.0.1:2].weight = 4'],
    'option by option' or diag $out;
like $out, qr/^\+ sites\[one\.example\]\.routes\[\/a\]\.respond\.text = "A"  # .*weir\.conf:\d+$/m, 'with its place';
my ($one) = grep { $_->{option} =~ /weight/ } map { JSON::PP->new->decode($_) } split /\n/, ($diff->('--json'))[1];
is_deeply [@{$one}{qw(running files)}], [3, 4], 'as JSON, too';
like +($status->())[1], qr/^files +differ from what runs in \d+ options: weir diff shows them$/m, 'row 83: weir status says that they differ';
is(JSON::PP->new->decode(($status->('--json'))[1])->{files}, 'differ', 'as JSON');
ok $weir->reload, 'a reload';
is +($diff->())[0], 0, 'ends that';

$weir->configure($text . 'nonsense = true;');
($rc, $out, my $err) = $diff->();
is $rc, 2, 'files with mistakes are trouble';
like $err, qr/weir\.conf:\d+: error/, 'which is named';
like +($status->())[1], qr/^files +have mistakes: weir -t shows them$/m, 'by weir status as well';
ok $weir->reload($text), 'the first files again';

($rc, $out) = $status->('--json');
my $json = JSON::PP->new->decode($out);
is $rc, 0, 'weir status --json';
is_deeply [@{$json}{qw(healthy master generation files)}], [JSON::PP::true, $weir->{pid}, 3, 'same'], 'is for programs';
is_deeply [map { $_->{state} } grep { $_->{generation} == 3 } @{ $json->{generations} }], ['serving'], 'and lists generations';
like +($status->())[1], qr/^since +20\d\d-.*^peers\napp\n  127\.0\.0\.1:1 +up /ms, 'the other says since when, and how the peers are';
ok $weir->stop, 'after the end';
is +($diff->())[0], 2, 'there is nothing to compare with';
isnt +($status->())[0], 0, 'and no status';
done_testing;
