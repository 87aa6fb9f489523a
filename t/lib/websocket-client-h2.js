// SPDX-License-Identifier: Apache-2.0
// Echoes 1 MiB by WebSocket over HTTP/2 (RFC 8441), with node's own client.
// Usage: node websocket-client-h2.js https://HOST:PORT/PATH; prints "equal" or why not.
'use strict';
const http2 = require('http2');
const crypto = require('crypto');

const url = new URL(process.argv[2]);
const session = http2.connect(url.origin, { rejectUnauthorized: false });
const fail = (why) => { console.log(why); process.exit(1); };
session.on('error', (e) => fail(`session: ${e.message}`));
session.on('remoteSettings', (settings) => {
  if (!settings.enableConnectProtocol) fail('no extended CONNECT');
  const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': url.pathname,
    ':scheme': 'https', ':authority': 'example.com', 'sec-websocket-version': '13' });
  const size = 1 << 20, part = 60000;
  const sent = crypto.randomBytes(size);
  let got = Buffer.alloc(0), frames = Buffer.alloc(0);
  stream.on('error', (e) => fail(`stream: ${e.message}`));
  stream.on('response', (headers) => {
    if (headers[':status'] !== 200) fail(`status ${headers[':status']}`);
    for (let at = 0; at < size; at += part) {
      const data = sent.subarray(at, Math.min(at + part, size));
      const mask = crypto.randomBytes(4), masked = Buffer.from(data);
      for (let i = 0; i < masked.length; i++) masked[i] ^= mask[i & 3];
      stream.write(Buffer.concat([Buffer.from([0x82, 0x80 | 126, data.length >> 8, data.length & 255]), mask, masked]));
    }
  });
  stream.on('data', (data) => {
    frames = Buffer.concat([frames, data]);
    while (frames.length >= 4) {
      const short = frames[1] < 126, n = short ? frames[1] : frames.readUInt16BE(2), at = short ? 2 : 4;
      if (frames.length < at + n) break;
      got = Buffer.concat([got, frames.subarray(at, at + n)]);
      frames = frames.subarray(at + n);
    }
    if (got.length === size) {
      console.log(got.equals(sent) ? 'equal' : 'different');
      stream.close();
      session.close();
    }
  });
  stream.on('end', () => { if (got.length !== size) fail(`ended after ${got.length} bytes`); });
});
