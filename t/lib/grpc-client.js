// SPDX-License-Identifier: Apache-2.0
// A gRPC client for tests: node grpc-client.js FOLDER ADDRESS [CA-FILE]. Prints what it saw, a line
// for each kind of call.
'use strict';
const grpc = require(process.argv[2] + '/node_modules/@grpc/grpc-js');
const fs = require('fs');
const bytes = (buffer) => buffer;
const credentials = process.argv[4]
  ? grpc.credentials.createSsl(fs.readFileSync(process.argv[4])) : grpc.credentials.createInsecure();
const client = new grpc.Client(process.argv[3], credentials,
  process.argv[4] ? { 'grpc.ssl_target_name_override': 'example.com', 'grpc.default_authority': 'example.com' } : {});
const say = (name, text) => console.log(name + ': ' + text);
const errors = (error) => grpc.status[error.code] + ' ' + error.details;

function unary(text, options = {}) {
  return new Promise((resolve) => {
    const sent = new grpc.Metadata();
    const seen = { head: null, trailers: null };
    sent.set('x-sent', 'yes');
    const call = client.makeUnaryRequest(options.path || '/test.Echo/' + (options.method || 'Unary'), bytes, bytes, Buffer.from(text), sent,
      { deadline: options.ms ? Date.now() + options.ms : Infinity },
      (error, value) => { seen.error = error; seen.value = value && value.toString(); if (seen.trailers) resolve(seen); });
    call.on('metadata', (m) => { seen.head = m.getMap(); });
    call.on('status', (s) => { seen.trailers = s.metadata.getMap(); if ('error' in seen) resolve(seen); });
    if (options.cancel) setTimeout(() => call.cancel(), options.cancel);
  });
}

function down(n) {
  return new Promise((resolve) => {
    let got = 0;
    const call = client.makeServerStreamRequest('/test.Echo/Down', bytes, bytes, Buffer.from(String(n)));
    call.on('data', (m) => { got += m.length; });
    call.on('error', (e) => resolve(errors(e)));
    call.on('end', () => resolve(got));
  });
}

function up(n) {
  return new Promise((resolve) => {
    const call = client.makeClientStreamRequest('/test.Echo/Up', bytes, bytes,
      (error, value) => resolve(error ? errors(error) : value.toString()));
    for (let i = 0; i < n; i++) call.write(Buffer.alloc(1000, 120));
    call.end();
  });
}

// Each message waits for the answer to the one before: nothing may be held back on the way.
function both(n, cancel) {
  return new Promise((resolve) => {
    let got = 0;
    const call = client.makeBidiStreamRequest('/test.Echo/Both', bytes, bytes);
    call.on('data', (m) => {
      if (m.toString() !== 're:' + got) return resolve('out of order: ' + m);
      if (++got === n) return cancel ? call.cancel() : call.end();
      return call.write(Buffer.from(String(got)));
    });
    call.on('error', (e) => resolve(got + ' ' + errors(e)));
    call.on('end', () => resolve(got));
    call.write(Buffer.from('0'));
  });
}

async function main() {
  const before = Number((await unary('cancelled')).value);
  let r = await unary('hello');
  say('unary', `${r.value} ${r.head['x-saw']} ${r.trailers['x-sum']}`);
  r = await unary('x'.repeat(1 << 20));
  say('large', r.value.length);
  r = await unary('fail');
  say('error', `${errors(r.error)} ${r.trailers['x-why']}`);
  r = await unary('x', { method: 'Missing' });
  say('missing', grpc.status[r.error.code]);
  for (const name of ['dead', 'slow']) {
    r = await unary('never', { path: '/' + name + '.Service/Unary' });
    say(name, errors(r.error));
  }
  say('down', await down(2000));
  say('up', await up(2000));
  say('both', await both(50));
  say('parallel', (await Promise.all([...Array(200).keys()].map((i) => unary('p' + i)))).filter((x, i) => x.value === 'p' + i).length);
  r = await unary('never', { ms: 300 });
  say('deadline', grpc.status[r.error.code]);
  r = await unary('never', { cancel: 100 });
  say('cancel', grpc.status[r.error.code]);
  say('bidi cancel', await both(3, true));
  for (let i = 0; i < 100; i++) {
    r = await unary('cancelled');
    if (Number(r.value) === before + 4) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  say('backend saw cancelled', Number(r.value) - before);
  client.close();
}
main().catch((e) => { console.log('died: ' + e.stack); process.exit(1); });
