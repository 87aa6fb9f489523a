# SPDX-License-Identifier: Apache-2.0
# Signed tokens: made by node, of every kind; and what is no token, or a trick.
use strict;
use warnings;
use JSON::PP ();
use Test::More;
use Weir::Test;

need_tool('node');
my $dir = new_dir();
write_file("$dir/make.js", <<'JS');
const c = require('crypto'), fs = require('fs'), dir = process.argv[2], now = Math.floor(Date.now() / 1000);
const pair = { rsa: c.generateKeyPairSync('rsa', { modulusLength: 2048 }), weak: c.generateKeyPairSync('rsa', { modulusLength: 1024 }),
  other: c.generateKeyPairSync('rsa', { modulusLength: 2048 }), late: c.generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  p256: c.generateKeyPairSync('ec', { namedCurve: 'P-256' }), p384: c.generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  p521: c.generateKeyPairSync('ec', { namedCurve: 'P-521' }), ed: c.generateKeyPairSync('ed25519') };
const secret = c.randomBytes(64), b64 = x => Buffer.from(typeof x === 'string' ? x : JSON.stringify(x)).toString('base64url');
const jwk = (k, extra) => ({ ...pair[k].publicKey.export({ format: 'jwk' }), kid: k, ...extra });
const keys = [jwk('rsa'), jwk('weak'), jwk('p256'), jwk('p384'), jwk('p521'), jwk('ed'), { kty: 'oct', kid: 'hs', k: secret.toString('base64url') },
  jwk('other', { use: 'enc', kid: 'enc' }), jwk('other', { alg: 'PS512', kid: 'only-ps512' }), { kty: 'new', kid: 'x' }];
fs.writeFileSync(dir + '/jwks.json', JSON.stringify({ keys }));
fs.writeFileSync(dir + '/later.json', JSON.stringify({ keys: [...keys, jwk('late')] }));
const pem = k => pair[k].publicKey.export({ format: 'pem', type: 'spki' });
fs.writeFileSync(dir + '/public.pem', pem('rsa') + pem('p256'));
function sign(alg, key, data) {
  const hash = 'sha' + alg.slice(2);
  if (alg === 'EdDSA') return c.sign(null, Buffer.from(data), key);
  if (alg.startsWith('HS')) return c.createHmac(hash, key).update(data).digest();
  const o = { key };
  if (alg.startsWith('PS')) { o.padding = c.constants.RSA_PKCS1_PSS_PADDING; o.saltLength = +alg.slice(2) / 8; }
  if (alg.startsWith('ES')) o.dsaEncoding = 'ieee-p1363';
  return c.sign(hash, Buffer.from(data), o);
}
const claims = { sub: 'alice', iss: 'me', aud: ['web', 'shop'], exp: now + 3600, realm: { roles: ['a', 'b'] }, n: 7, line: 'a\r\nX-Evil: 1' };
function token(alg, key, header, body) {
  const data = b64(typeof header === 'string' ? header : { alg, ...header }) + '.' + b64(body === undefined ? claims : body);
  return data + '.' + sign(alg, key, data).toString('base64url');
}
const p = k => pair[k].privateKey, t = {}, rs = (header, body) => token('RS256', p('rsa'), header, body);
for (const a of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']) t['good ' + a] = token(a, p('rsa'), { kid: 'rsa' });
for (const [a, k] of [['ES256', 'p256'], ['ES384', 'p384'], ['ES512', 'p521'], ['EdDSA', 'ed']]) t['good ' + a] = token(a, p(k), { kid: k });
t['good without kid'] = token('ES256', p('p256'), {});
t['good PS512 only'] = token('PS512', p('other'), { kid: 'only-ps512' });
t['good aud as text'] = rs({}, { ...claims, aud: 'shop' });
t['good just expired'] = rs({}, { ...claims, exp: now - 5 });
t['hs HS256'] = token('HS256', secret, { kid: 'hs' }); t['hs HS512'] = token('HS512', secret, {});
for (const none of ['none', 'None', 'NONE', 'nOnE', '', 'HS1', 'RS256 ', 'rs256']) {
  t['bad alg "' + none + '", unsigned'] = b64({ alg: none }) + '.' + b64(claims) + '.';
  t['bad alg "' + none + '"'] = token('RS256', p('rsa'), { alg: none });
}
for (const [what, key] of [['pem', pem('rsa')], ['pem trimmed', pem('rsa').trim()], ['der', pair.rsa.publicKey.export({ format: 'der', type: 'spki' })], ['modulus', Buffer.from(jwk('rsa').n, 'base64url')]]) {
  for (const kid of ['rsa', 'hs', undefined]) t['hs bad public key as secret, ' + what + ', ' + kid] = token('HS256', key, { kid });
}
t['bad RS256 by a key for encryption'] = token('RS256', p('other'), { kid: 'enc' });
t['bad RS256 by a key for PS512'] = token('RS256', p('other'), { kid: 'only-ps512' });
t['bad by a weak key'] = token('RS256', p('weak'), { kid: 'weak' });
t['bad by an unknown key'] = token('RS256', p('other'), {}); t['bad by an unknown key, known kid'] = token('RS256', p('other'), { kid: 'rsa' });
t['bad by the key of another kid'] = rs({ kid: 'p256' });
t['bad key in the token itself'] = token('RS256', p('other'), { jwk: jwk('other'), jku: 'http://127.0.0.1:1/' });
const d = b64({ alg: 'ES256', kid: 'p256' }) + '.' + b64(claims);
t['bad ES256 in DER'] = d + '.' + c.sign('sha256', Buffer.from(d), p('p256')).toString('base64url');
t['bad ES256 of zeroes'] = d + '.' + Buffer.alloc(64).toString('base64url');
t['bad ES256 by P-384'] = token('ES256', p('p384'), { kid: 'p384' });
const good = rs({}), [h, b, s] = good.split('.');
t['bad other payload'] = h + '.' + b64({ ...claims, sub: 'root' }) + '.' + s;
t['bad other header'] = b64({ alg: 'RS256', x: 1 }) + '.' + b + '.' + s;
t['bad no signature'] = h + '.' + b + '.'; t['bad two parts'] = h + '.' + b; t['bad four parts'] = good + '.' + s; t['bad padded'] = good + '=';
t['bad space'] = h + ' .' + b + '.' + s; t['bad short signature'] = good.slice(0, -8); t['bad other last bits'] = good.slice(0, -1) + 'ABCDEFGHIJKLMNOP'[1] ;
t['bad expired'] = rs({}, { ...claims, exp: now - 100 }); t['bad no exp'] = rs({}, { ...claims, exp: undefined });
t['bad exp as text'] = rs({}, { ...claims, exp: String(now + 100) }); t['bad exp null'] = rs({}, { ...claims, exp: null });
t['bad not yet'] = rs({}, { ...claims, nbf: now + 100 });
t['bad audience'] = rs({}, { ...claims, aud: ['web'] }); t['bad no audience'] = rs({}, { ...claims, aud: undefined }); t['bad audience part'] = rs({}, { ...claims, aud: 'shopping' });
t['bad issuer'] = rs({}, { ...claims, iss: 'you' }); t['bad no issuer'] = rs({}, { ...claims, iss: undefined });
t['bad crit'] = rs({ crit: ['exp'] }); t['bad payload list'] = rs({}, [1]); t['bad payload text'] = rs({}, '"x"'); t['bad payload no JSON'] = rs({}, 'x');
t['bad two algs'] = rs('{"alg":"RS256","alg":"none"}'); t['bad two subjects'] = rs({}, '{"sub":"a","sub":"root","iss":"me","aud":"shop","exp":' + (now + 99) + '}');
t['bad kid as number'] = rs({ kid: 7 }); t['bad alg as list'] = rs({ alg: ['RS256'] }); t['bad deep'] = rs({}, '['.repeat(5000)); t['bad long'] = rs({}, { ...claims, x: 'x'.repeat(9000) });
t['late'] = token('ES256', p('late'), { kid: 'late' });
console.log(JSON.stringify(t));
JS
my $made = `node $dir/make.js $dir`;
my $token = JSON::PP::decode_json($made);
my $keys = backend(sub { my ($conn, $r) = @_;
    my $late = -e "$dir/rotated";
    $conn->answer($r->{path} eq '/down' ? 500 : 200, read_file($late ? "$dir/later.json" : "$dir/jwks.json"), 'Content-Type' => 'application/json') });
my $use = 'audience = "shop"; issuer = "me"; claims = { user = "sub"; roles = "realm.roles"; n = "n"; line = "line"; gone = "gone"; };';
my $app = backend(sub { my ($conn, $r) = @_; $conn->answer(200, join '|', map { $r->header($_) // '-' } qw(X-User X-Line X-Evil)) });
my $weir = weir(<<"END");
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "\$remote_user \$jwt_user \$jwt_roles \$jwt_n \$jwt_gone"; };
  jwt = { keys = "$dir/jwks.json"; $use };
  routes = ( { path = "/hs"; jwt = { algorithms = [ "HS256", "HS512", "RS256" ]; }; },
    { path = "/pem"; jwt = { keys = "$dir/public.pem"; }; },
    { path = "/url"; jwt = { keys = "http://127.0.0.1:$keys->{port}/keys"; }; },
    { path = "/down"; jwt = { keys = "http://127.0.0.1:$keys->{port}/down"; }; },
    { path = "/cookie"; jwt = { from = "\$cookie_token"; }; },
    { path = "/app"; headers = { request = { set = { X-User = "\$jwt_user"; X-Line = "\$jwt_line"; }; }; }; respond = false; proxy = { to = "http://127.0.0.1:$app->{port}"; }; },
    { path = "/report"; jwt = { mode = "report"; }; },
    { path = "/s"; jwt = false; status = true; } ); } );
END
sub asked { my ($path, $name, %h) = @_; return get($weir, $path, Authorization => "Bearer $token->{$name}", %h) }

for my $name (sort grep { /^good/ } keys %$token) {
    is asked('/', $name)->{body}, 'alice alice a,b 7 ', $name;
}
for my $name (sort grep { /^bad/ } keys %$token) {
    is asked('/', $name)->{status}, 401, $name;
}
is asked('/hs', $_)->{status}, 200, "$_ where it is allowed" for 'hs HS256', 'hs HS512', 'good RS256';
is asked('/', $_)->{status}, 401, "$_ where it is not" for 'hs HS256', 'hs HS512';
is asked('/hs', $_)->{status}, 401, $_ for sort grep { /^hs bad/ } keys %$token;
is asked('/pem', $_)->{status}, 200, "$_, PEM keys" for 'good RS256', 'good PS512', 'good ES256';
is asked('/pem', $_)->{status}, 401, "$_, PEM keys" for 'good ES384', 'hs HS256', 'bad by an unknown key';
is asked('/app', 'good RS256', 'X-User' => 'evil')->{body}, 'alice|-|-', 'claims for the backend; a line break gets into no header';
is get($weir, '/cookie', Cookie => "token=$token->{'good ES256'}")->{status}, 200, 'from a cookie';
is asked('/cookie', 'good ES256')->{status}, 401, 'and only from there';
my $r = get($weir, '/');
is "$r->{status} " . $r->header('WWW-Authenticate'), '401 Bearer', 'without a token';
is asked('/', 'bad expired')->header('WWW-Authenticate'), 'Bearer error="invalid_token"', 'with a bad one';
ok $weir->logged(qr/401.*the token is not accepted: it has expired/), 'the log says why';
is get($weir, '/', Authorization => 'Basic eDp5')->{status}, 401, 'another scheme';
is get($weir, '/report')->{status}, 200, 'report: it passes';
ok $weir->logged(qr/jwt\.mode is "report", this passes: there is no token/), 'and is logged';
like get($weir, '/s/metrics')->{body}, qr/^weir_jwt_reported_total 1$/m, 'and counted';

# ---- a key set behind a URL ----
is asked('/url', 'good RS256')->{status}, 200, 'keys by URL';
is asked('/url', 'bad other payload')->{status}, 401, 'they tell the wrong ones';
is asked('/down', 'good RS256')->{status}, 503, 'no keys yet: nobody passes';
ok $weir->logged(qr/jwt: no keys from .*down: status 500/), 'and the log says so';
is asked('/url', 'late')->{status}, 401, 'a key that is not known';
write_file("$dir/rotated", '');
my $found = wait_for { asked('/url', 'late')->{status} == 200 } 60;
ok $found, 'is found once the set has it, without a reload';
is asked('/url', 'good RS256')->{status}, 200, 'the others stay';

my (undef, $said) = check_config('sites = ( { listen = [ "http://127.0.0.1:1" ]; respond = true; jwt = { keys = "/nowhere/jwks"; algorithms = "none"; }; } );');
like $said, qr/jwt\.keys: cannot read \/nowhere\/jwks: No such file/, 'a missing file is an error';
like $said, qr/jwt\.algorithms: "none": expected RS256/, '"none" does not exist';
done_testing;
