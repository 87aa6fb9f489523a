# SPDX-License-Identifier: Apache-2.0
# The control socket: commands of modules, run beside the workers with their rights; who waits for a
# reload, and who does not.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $build = $ENV{WEIR_BUILD} || source_dir() . '/build';
my $mine = "$build/t/modules/.libs";
plan skip_all => 'the modules of the tests are not built' unless -e "$mine/ask.so";
my $text = 'sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; ask = true; respond = { text = "TEXT"; }; } );';
my $weir = weir($text =~ s/TEXT/one/r, workers => 2, user => $> ? undef : 'nobody', server => qq[modules_path = [ "$build/modules", "$mine" ];]);
my $ask = sub { run_weir('-c', $weir->{conf}, @_) };

get($weir, '/') for 1 .. 5;
my ($status, $out, $err) = $ask->('ask', '--option', 'two words', 'say "\\"', '');
is $status, 0, 'a command of a module ends well' or diag $err;
my $user = $> ? $> : getpwnam('nobody');
is $out, qq[5 requests, user $user\n<--option>\n<two words>\n<say "\\">\n<>\n],
    'it sees what workers count, is their user, and its words arrive as they were given';
($status, $out, $err) = $ask->('ask', 'fail');
is $status, 1, 'one that refuses has status 1';
like "$out|$err", qr/^\|5 requests/, 'and its answer is on standard error';
($status, $out) = $ask->('ask', 'much');
is scalar(() = $out =~ /^line \d+$/mg), 100000, 'an answer may be long';
unlike $weir->error_log, qr/which workers may not/, 'a command needs no right that workers do not have';

unless (is_sanitized()) { # they end it in a way of their own
    ($status, $out, $err) = $ask->('ask', 'crash');
    is $status, 1, 'one that dies has status 1, too';
    like $err, qr/the answer did not come: the error log may say why/, 'and says where to look';
    ok $weir->logged(qr/the process of the command "ask crash" died of signal 11/), 'which is right';
}
is get($weir, '/')->{body}, 'one', 'nobody else notices';
is +($ask->('aks'))[0], 2, 'an unknown word is an error of usage';
like $weir->command('nonsense'), qr/^error\nunknown command "nonsense"/, 'on the socket as well';
like $weir->command('ask "open'), qr/^error\na quote is open/, 'a quote has an end';

# Two reloads at a time: the second one may have been meant for newer files.
my @clients = map {
    $weir->configure($text =~ s/TEXT/$_/r);
    my $socket = IO::Socket::UNIX->new(Peer => "$weir->{dir}/control.sock");
    syswrite $socket, "reload\n";
    Weir::Test::Wire->new($socket);
} qw(two three);
like $weir->command('status'), qr/^ok\n/, 'who asks for something else meanwhile is answered';
my @said = map { $_->rest } @clients;
like "@said", qr/^ok generation \d+ serves\n ok generation \d+ serves\n$/, 'all that wait are told';
is get($weir, '/')->{body}, 'three', 'and the last one met the files as they were then';
done_testing;
