// SPDX-License-Identifier: Apache-2.0
// An echoing WebSocket server (RFC 6455) of node alone. Usage: node websocket-server.js PORT
'use strict';
const http = require('http');
const crypto = require('crypto');

const server = http.createServer((req, res) => {
  res.end(`plain ${req.headers.upgrade || 'none'} ${req.headers.connection || 'none'}\n`);
});
server.on('upgrade', (req, socket, head) => {
  const accept = crypto.createHash('sha1')
    .update(req.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
  let waiting = head;
  const take = () => {
    for (;;) {
      if (waiting.length < 2) return;
      let n = waiting[1] & 127, at = 2;
      if (n === 126) { if (waiting.length < 4) return; n = waiting.readUInt16BE(2); at = 4; }
      else if (n === 127) { if (waiting.length < 10) return; n = Number(waiting.readBigUInt64BE(2)); at = 10; }
      if (waiting.length < at + 4 + n) return;
      const mask = waiting.subarray(at, at + 4);
      const data = Buffer.from(waiting.subarray(at + 4, at + 4 + n));
      for (let i = 0; i < n; i++) data[i] ^= mask[i & 3];
      const opcode = waiting[0] & 15;
      waiting = waiting.subarray(at + 4 + n);
      const head = n < 126 ? Buffer.from([0x80 | opcode, n])
        : n < 65536 ? Buffer.from([0x80 | opcode, 126, n >> 8, n & 255])
        : (() => { const b = Buffer.alloc(10); b[0] = 0x80 | opcode; b[1] = 127; b.writeBigUInt64BE(BigInt(n), 2); return b; })();
      socket.write(Buffer.concat([head, data]));
      if (opcode === 8) { socket.end(); return; }
    }
  };
  socket.on('data', (data) => { waiting = Buffer.concat([waiting, data]); take(); });
  socket.on('end', () => socket.end());
  socket.on('error', () => socket.destroy());
  take();
});
server.listen(Number(process.argv[2]), '127.0.0.1');
