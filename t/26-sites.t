# SPDX-License-Identifier: Apache-2.0
# weir enable and disable: sites are switched by the names of their files, and never into a mistake.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $dir = new_dir();
my $site = sub { my ($name, $more) = @_; qq[sites = ( { names = [ "$name" ]; listen = [ "http://127.0.0.1:1" ]; $more } );\n] };
write_file("$dir/10-one.conf", $site->('one', 'respond = true;'));
write_file("$dir/20-two.conf.off", $site->('two', 'respond = { text = "$who"; };'));
write_file("$dir/05-who.conf", 'map = { who = { source = "$host"; table = ( [ "two", "me" ] ); default = "you"; }; };');
sub command { my ($status, undef, $said) = run_weir('-c', $dir, @_); return "$status $said" }
sub files { return join ' ', map { s{.*/}{}r } sort glob "$dir/*" }

like command('enable', '20-two'), qr/^0 .*20-two is on; weir -s reload makes it serve/s, 'row 91: one file for each site: enable';
is files(), '05-who.conf 10-one.conf 20-two.conf', 'renames';
like command('enable', '20-two.conf'), qr/^0 .*is on already/, 'twice is once';
like command('disable', '05-who'), qr/^1 .*20-two\.conf:1: .*who.*05-who stays on/s, 'what others need stays, and they say why';
is files(), '05-who.conf 10-one.conf 20-two.conf', 'where it was';
like command('disable', '20-two'), qr/^0 .*20-two is off/, 'disable';
like command('disable', '05-who'), qr/^0 /, 'now nobody needs it';
write_file("$dir/30-bad.conf.off", 'sites = ( { lisen = true; } );');
like command('enable', '30-bad'), qr/^1 .*30-bad\.conf:1: .*lisen.*30-bad stays off/s, 'row 91: nothing with a mistake is switched on, and the file is named';
like command('enable', 'ten'), qr/^1 .*there is no .*ten\.conf\.off; there are [\w-]+, [\w-]+, [\w-]+\n/, 'an unknown name, and those that are known';
like command('enable', '../x'), qr/^1 .*no name of a file/, 'names stay in the folder';
like command('enable'), qr/^2 .*a site/s, 'which?';
my ($status, undef, $said) = run_weir('-c', "$dir/10-one.conf", 'disable', '10-one');
like "$status $said", qr/^1 .*no folder/, 'a configuration of one file has no sites to switch';
done_testing;
