// SPDX-License-Identifier: Apache-2.0
// An application as node has many: says who it is, and of a body its length and MD5.
// Usage: node app.js PORT NAME [KEEP-ALIVE-MS]. SIGTERM: ends once what is under way is answered.
'use strict';
const http = require('http');
const crypto = require('crypto');

const [port, name, keepAlive] = process.argv.slice(2);
let stopping = false;
const server = http.createServer((request, response) => {
  const hash = crypto.createHash('md5');
  let bytes = 0;
  request.on('data', (data) => { bytes += data.length; hash.update(data); });
  request.on('end', () => {
    if (stopping) response.setHeader('Connection', 'close');
    response.setHeader('X-Connection', request.socket.number);
    response.end(request.method === 'GET' ? `${name} says hello\n` : `${bytes} ${hash.digest('hex')}\n`);
  });
});
let connections = 0;
server.on('connection', (socket) => { socket.number = ++connections; });
if (keepAlive) server.keepAliveTimeout = Number(keepAlive);
process.on('SIGTERM', () => {
  stopping = true;
  server.close(() => process.exit(0));
  setInterval(() => server.closeIdleConnections(), 20);
});
server.listen(Number(port), '127.0.0.1', 511);
