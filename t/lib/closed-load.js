// SPDX-License-Identifier: Apache-2.0
// Clients at addresses of their own that ask, wait for the answer, and ask again.
// Usage: node closed-load.js PORT REQUESTS CLIENTS KEYS: prints JSON: seconds, failed, p50 and p99 in ms.
'use strict';
const net = require('net');
const [port, requests, clients, keys] = process.argv.slice(2).map(Number);
const times = new Float64Array(requests);
let asked = 0, answered = 0, failed = 0;
const begin = process.hrtime.bigint();

function over() {
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
  const sorted = times.slice(0, answered).sort();
  const at = (share) => sorted[Math.min(answered - 1, Math.floor(answered * share))];
  console.log(JSON.stringify({ seconds, failed, p50: at(0.5), p99: at(0.99) }));
  process.exit(0);
}

function client(n) {
  // Networks of their own, too: some servers hash those.
  const localAddress = `127.${1 + (n >> 7)}.${1 + (n & 127)}.1`;
  const socket = net.connect({ port, host: '127.0.0.1', localAddress, noDelay: true });
  let start = 0, text = '', waits = false;
  const ask = () => {
    if (asked === requests) return;
    const key = (asked++ * 7919) % keys;
    text = '';
    waits = true;
    start = performance.now();
    socket.write(`GET /k${key} HTTP/1.1\r\nHost: a\r\n\r\n`);
  };
  const done = (fine) => {
    waits = false;
    if (fine) times[answered++] = performance.now() - start; else failed++;
    if (answered + failed === requests) over();
  };
  socket.on('connect', ask);
  socket.on('data', (data) => {
    text += data.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    const length = end < 0 ? NaN : Number((/\r\ncontent-length: *(\d+)/i.exec(text) || [])[1]);
    if (!(text.length >= end + 4 + length)) return;
    done(text.startsWith('HTTP/1.1 200'));
    if (/\r\nconnection: *close/i.test(text)) { socket.destroy(); client(n); } else ask();
  });
  socket.on('error', () => {});
  socket.on('close', () => { if (waits) { done(false); client(n); } });
}
for (let n = 0; n < clients; n++) client(n);
