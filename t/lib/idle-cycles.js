// SPDX-License-Identifier: Apache-2.0
// POSTs with pauses about as long as a backend keeps idle connections, each client on a route of its own.
// Usage: node idle-cycles.js PORT CYCLES SECONDS PATH:MS...: prints counts as JSON once every client had that
// many long pauses and the time is over.
'use strict';
const http = require('http');

const [port, cycles, seconds] = process.argv.slice(2, 5).map(Number);
const end = Date.now() + seconds * 1000;
const counts = { posts: 0, pauses: 0, reused: 0, failed: [] };
let busy = 0;

function client(path, ms) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  let n = 0, last;
  busy++;
  // Between a tenth and a half of the limit the connection is used again; about the limit it must not be.
  const pause = () => (n++ % 2 ? ms * (0.75 + Math.random() / 2) : ms * (0.1 + Math.random() / 10));
  const ask = () => {
    const request = http.request({ host: '127.0.0.1', port, method: 'POST', path, agent }, (response) => {
      response.resume();
      response.on('end', () => {
        counts.posts++;
        if (response.statusCode !== 200) counts.failed.push(`${path}: ${response.statusCode}`);
        if (response.headers['x-connection'] === last) counts.reused++;
        last = response.headers['x-connection'];
        if (n >= 2 * cycles && Date.now() > end) {
          counts.pauses += n >> 1;
          if (--busy === 0) { console.log(JSON.stringify(counts)); process.exit(0); }
          return;
        }
        setTimeout(ask, pause());
      });
    });
    request.on('error', (e) => { counts.failed.push(`${path}: ${e.code}`); setTimeout(ask, 10); });
    request.end('hello');
  };
  ask();
}
for (const one of process.argv.slice(5)) client(...one.split(':'));
