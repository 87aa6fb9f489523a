// SPDX-License-Identifier: Apache-2.0
// Backends for t/bench/balance in one process. Usage: node peers.js PORT... with PORT, PORT:MS (answers after
// so long) or PORT:fail (drops each request).
'use strict';
const net = require('net');
const answer = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');

for (const one of process.argv.slice(2)) {
  const [port, kind] = one.split(':');
  net.createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', () => { // one request at a time on each connection, and small
      if (kind === 'fail') socket.destroy();
      else if (kind) setTimeout(() => socket.write(answer), Number(kind));
      else socket.write(answer);
    });
  }).listen(Number(port), '127.0.0.1', 1024);
}
