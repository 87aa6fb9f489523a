// SPDX-License-Identifier: Apache-2.0
// Echoes 1 MiB by WebSocket: over HTTP/1.1 (http://...) or, by extended CONNECT (RFC 8441), over
// HTTP/2 (https://...). Usage: node websocket-client.js URL; prints "equal" or why not.
'use strict';
const http = require('http');
const http2 = require('http2');
const crypto = require('crypto');

const url = new URL(process.argv[2]);
const size = 1 << 20, part = 60000;
const fail = (why) => { console.log(why); process.exit(1); };

// `wire` is open: a socket, or a stream.
function echo(wire, head, done) {
  const sent = crypto.randomBytes(size);
  let got = Buffer.alloc(0), frames = head;
  const take = () => {
    while (frames.length >= 4) {
      const short = frames[1] < 126, n = short ? frames[1] : frames.readUInt16BE(2), at = short ? 2 : 4;
      if (frames.length < at + n) break;
      got = Buffer.concat([got, frames.subarray(at, at + n)]);
      frames = frames.subarray(at + n);
    }
    if (got.length === size) {
      console.log(got.equals(sent) ? 'equal' : 'different');
      done();
    }
  };
  wire.on('data', (data) => { frames = Buffer.concat([frames, data]); take(); });
  wire.on('end', () => { if (got.length !== size) fail(`ended after ${got.length} bytes`); });
  wire.on('error', (e) => fail(`error: ${e.message}`));
  for (let at = 0; at < size; at += part) {
    const data = sent.subarray(at, Math.min(at + part, size));
    const mask = crypto.randomBytes(4), masked = Buffer.from(data);
    for (let i = 0; i < masked.length; i++) masked[i] ^= mask[i & 3];
    wire.write(Buffer.concat([Buffer.from([0x82, 0x80 | 126, data.length >> 8, data.length & 255]), mask, masked]));
  }
  take();
}

if (url.protocol === 'http:') {
  const key = crypto.randomBytes(16).toString('base64');
  const request = http.request(url, { headers: { Connection: 'Upgrade', Upgrade: 'websocket',
    'Sec-WebSocket-Version': 13, 'Sec-WebSocket-Key': key } });
  request.on('response', (response) => fail(`status ${response.statusCode}`));
  request.on('error', (e) => fail(`request: ${e.message}`));
  request.on('upgrade', (response, socket, head) => {
    const accept = crypto.createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
    if (response.headers['sec-websocket-accept'] !== accept) fail('Sec-WebSocket-Accept is not ours');
    echo(socket, head, () => socket.end());
  });
  request.end();
} else {
  const session = http2.connect(url.origin, { rejectUnauthorized: false });
  session.on('error', (e) => fail(`session: ${e.message}`));
  session.on('remoteSettings', (settings) => {
    if (!settings.enableConnectProtocol) fail('no extended CONNECT');
    const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': url.pathname,
      ':scheme': 'https', ':authority': 'example.com', 'sec-websocket-version': '13' });
    stream.on('response', (headers) => {
      if (headers[':status'] !== 200) fail(`status ${headers[':status']}`);
      echo(stream, Buffer.alloc(0), () => { stream.close(); session.close(); });
    });
  });
}
