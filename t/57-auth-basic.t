# SPDX-License-Identifier: Apache-2.0
# auth_basic: each kind of hash, wrong and missing passwords, remembered verdicts, satisfy, mistakes.
use strict;
use warnings;
use MIME::Base64;
use Test::More;
use Weir::Test;

need_tool('openssl');
my $dir = new_dir();
sub openssl { my ($kind) = @_; my $hash = `openssl passwd $kind -salt saltsalt secret`; chomp $hash; return $hash }
my %hash = (sha512 => openssl('-6'), sha256 => openssl('-5'), apr1 => openssl('-apr1'),
    bcrypt => crypt('secret', '$2y$05$abcdefghijklmnopqrstuu'), yescrypt => crypt('secret', '$y$j9T$saltsaltsaltsalt$'),
    sha => '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=');
write_file("$dir/users", "# users\n" . join '', map { "$_:$hash{$_}\n" } sort keys %hash);
my $weir = weir(<<"CONF");
sites = ( { listen = "http://127.0.0.1:%port:web%"; respond = { text = "user=\$remote_user"; };
  auth_basic = { realm = "the \\"admin\\""; file = "$dir/users"; };
  routes = ( { path = "/open"; auth_basic = false; }, { path = "/report"; auth_basic = { mode = "report"; }; },
    { path = "/both"; access = { allow = "192.0.2.1"; }; }, { path = "/in"; access = { allow = "127.0.0.1"; }; },
    { path = "/any"; satisfy = "any"; access = { allow = "127.0.0.1"; }; },
    { path = "/either"; satisfy = "any"; access = { allow = "192.0.2.1"; }; } ); } );
CONF
sub ask { my ($user, $password, $path) = @_; return get($weir, $path // '/', Authorization => 'Basic ' . encode_base64("$user:$password", '')) }
for my $kind (sort keys %hash) {
    SKIP: {
        skip "no $kind here", 2 if !$hash{$kind};
        is ask($kind, 'secret')->{body}, "user=$kind", $kind;
        is ask($kind, 'Secret')->{status}, 401, '... wrong';
    }
}
my $r = get($weir, '/');
is $r->{status}, 401, 'none';
is $r->header('WWW-Authenticate'), 'Basic realm="the \\"admin\\"", charset="UTF-8"', 'the question';
is ask('bcrypt', 'secret')->{status}, 200, 'a remembered one' for 1 .. 3;
is ask('bcrypt', 'wrong')->{status}, 401, 'a wrong one' for 1 .. 2;
is ask('nobody', 'secret')->{status}, 401, 'an unknown name' for 1 .. 2;
is ask('sha', $_)->{status}, 401, 'no password of that kind' for '', 'none', "secret\0", 'x' x 2000;
is get($weir, '/', Authorization => $_)->{status}, 401, "\"$_\"" for 'Basic', 'Basic !', 'Basic YQ', 'Bearer c2hhOnNlY3JldA==', 'Basic Og==';
is get($weir, '/open')->{status}, 200, 'auth_basic = false';
is get($weir, '/report')->{status}, 200, 'report';
ok $weir->logged(qr/auth_basic\.mode is "report", this passes/), '... is logged';
is ask('sha', 'secret', '/both')->{status}, 403, 'access and a password';
is ask('sha', 'secret', '/in')->{status}, 200, '... both fine';
is get($weir, '/in')->{status}, 401, '... the password is missing';
is get($weir, '/any')->{status}, 200, 'satisfy = "any": the address will do';
is get($weir, '/either')->{status}, 401, '... neither';
is ask('apr1', 'secret', '/either')->{status}, 200, '... the password will do';
is ask('apr1', 'wrong2', '/either')->{status}, 401, '... a wrong one will not';
my @many = map { my $c = client($weir); $c->send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Basic " . encode_base64("sha512:guess$_", '') . "\r\n\r\n"); $c } 1 .. 20;
$many[$_]->reset for 0 .. 9;
is $many[$_]->response->{status}, 401, 'many at a time, some of whom left' for 10 .. 19;
write_file("$dir/wrong", "a:plain\nb\nc:\$2y\$xx\nd:\$1\$a\$b\n");
my (undef, $said) = check_config("sites = ( { listen = \"http://127.0.0.1:8099\"; respond = true; auth_basic = { file = \"$dir/wrong\"; }; } );");
like $said, qr/line 1: user "a".*htpasswd -B.*line 2: expected NAME:HASH.*line 3: user "c".*malformed.*line 4: user "d"/s, 'what cannot be checked is refused';
unlike $said, qr/plain/, 'without showing it';
done_testing;
