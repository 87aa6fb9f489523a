# SPDX-License-Identifier: Apache-2.0
# The control socket for programs: a line of JSON each way, and a group that may use it.
use strict;
use warnings;
use Test::More;
use IO::Socket::UNIX ();
use JSON::PP ();
use Weir::Test;

my $backend = backend(sub { $_[0]->answer(200, 'here') });
my $text = <<"END";
upstream = { app = { servers = [ "127.0.0.1:$backend->{port}" ]; }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://app"; }; } );
END
my $weir = weir($text);
my $path = "$weir->{dir}/control.sock";

sub ask {
    my ($line) = @_;
    my $socket = IO::Socket::UNIX->new(Peer => $path) or die "$path: $!";
    print {$socket} "$line\n";
    my @lines = <$socket>;
    is @lines, 1, 'one line' or diag @lines;
    return JSON::PP->new->decode($lines[0]);
}
my $command = sub { ask(JSON::PP->new->encode({ command => [@_] })) };

my $said = $command->('status', '--json');
ok $said->{ok}, 'the master answers';
is $said->{data}[0]{generations}[0]{generation}, 1, 'with data' or diag explain $said;
$said = $command->('status');
like $said->{text}, qr/^generation +1$/m, 'or with text';
$said = $command->('peers', 'app', '--json');
is $said->{data}[0]{state}, 'up', 'the generation that serves answers, too' or diag explain $said;
ok $command->('peers', 'app', 'drain', "127.0.0.1:$backend->{port}")->{ok}, 'an order';
is $command->('peers', 'app', '--json')->{data}[0]{state}, 'draining', 'is taken';
$said = $command->('peers', 'a "b" \\');
ok !$said->{ok}, 'what fails says so';
like $said->{error}, qr/uses an upstream "a "b" \\"/, 'and words keep their quotes';
for my $line ('{', '{"command":"status"}', '{"command":["status"]} x', '{"command":["\ud83d"]}', '{"command":["a\nb"]}') {
    like ask($line)->{error}, qr/^expected \{"command": \["WORD", \.\.\.\]\}/, "refused: $line";
}
ok $command->('reload')->{ok}, 'a reload is waited for';
is $command->('status', '--json')->{data}[0]{generations}[0]{generation}, 2, 'and has happened';

my $mode = sub { sprintf '%04o', (stat $path)[2] & 07777 };
is $mode->(), '0600', 'the socket is its owner\'s alone';
my $group = (split ' ', $()[0];
my $name = getgrgid $group;
my $with_group = sub { $weir->{o}{server} = qq[control_group = "$_[0]";]; $weir->reload($text) };
ok $with_group->($name), 'a group';
is $mode->(), '0660', 'may use it';
is((stat $path)[5], $group, 'that one');
ok !$with_group->('nobody-has-this'), 'one that is not there is refused';
like $weir->{said}, qr/server\.control_group: there is no group "nobody-has-this"/, 'by name';
delete $weir->{o}{server};
ok $weir->reload($text), 'without it';
is $mode->(), '0600', 'the owner has it alone again';
done_testing;
