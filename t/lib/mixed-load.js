// SPDX-License-Identifier: Apache-2.0
// Browsers of a kind: each asks again and again on a connection of its own, and looks at every answer.
// Usage: node mixed-load.js PORT CLIENTS SAFE FILE. SAFE: 1 for requests that may be sent twice only.
// It rewrites FILE with its counts ten times a second, until a file FILE.stop is there.
'use strict';
const fs = require('fs');
const http = require('http');
const crypto = require('crypto');

const [port, clients, safe] = process.argv.slice(2, 5).map(Number);
const file = process.argv[5];
const counts = { failed: [] };
let stopping = false;

const md5 = (data) => crypto.createHash('md5').update(data).digest('hex');
const body = (most) => crypto.randomBytes(1 + Math.floor(Math.random() * most));
const hello = (path) => () => ({ method: 'GET', path, want: /says hello/ });
const echo = (method, path) => () => {
  const data = body(30000);
  return { method, path, data, want: `${data.length} ${md5(data)}\n` };
};
const form = (path) => () => ({
  method: 'POST', path, type: 'application/x-www-form-urlencoded', data: Buffer.from('note=a+%26+b'),
  want: '<p>noted a &amp; b</p>\n',
});
const upload = (path) => () => {
  const data = body(200000);
  const part = (head, text) => [Buffer.from(`--XX\r\nContent-Disposition: form-data; ${head}\r\n\r\n`), text, Buffer.from('\r\n')];
  return {
    method: 'POST', path, type: 'multipart/form-data; boundary=XX',
    data: Buffer.concat([...part('name="note"', Buffer.from('hi')), ...part('name="file"; filename="x.bin"', data), Buffer.from('--XX--\r\n')]),
    want: `<p>kept x.bin: ${data.length} ${md5(data)}</p>\n<p>hi</p>\n`,
  };
};
const kinds = {
  node: [hello('/node/'), echo('PUT', '/node/'), ...(safe ? [] : [echo('POST', '/node/')])],
  python: [hello('/python/'), echo('PUT', '/python/'), ...(safe ? [] : [echo('POST', '/python/')])],
  php: [hello('/php/app.php'), ...(safe ? [] : [form('/php/app.php'), upload('/php/app.php')])],
};

function ask(kind, agent) {
  if (stopping) return;
  const list = kinds[kind];
  const one = list[Math.floor(Math.random() * list.length)]();
  const headers = one.data ? { 'Content-Length': one.data.length } : {};
  if (one.type) headers['Content-Type'] = one.type;
  const failed = (why) => {
    if (!stopping) counts.failed.push(`${kind} ${one.method}: ${why}`);
    setTimeout(ask, 10, kind, agent);
  };
  const request = http.request({ host: '127.0.0.1', port, method: one.method, path: one.path, headers, agent }, (response) => {
    let text = '';
    response.on('data', (data) => { text += data; });
    response.on('error', (e) => failed(e.code));
    response.on('end', () => {
      const fine = one.want instanceof RegExp ? one.want.test(text) : text === one.want;
      if (response.statusCode !== 200 || !fine) { failed(`${response.statusCode} ${text.slice(0, 80)}`); return; }
      counts[kind] = (counts[kind] || 0) + 1;
      setTimeout(ask, Math.random() * 40, kind, agent);
    });
  });
  request.on('error', (e) => failed(e.code));
  request.end(one.data);
}

for (const kind of Object.keys(kinds)) {
  for (let i = 0; i < clients; i++) ask(kind, new http.Agent({ keepAlive: true, maxSockets: 1 }));
}
setInterval(() => {
  fs.writeFileSync(`${file}.new`, JSON.stringify(counts));
  fs.renameSync(`${file}.new`, file);
  if (stopping) process.exit(0);
  stopping = fs.existsSync(`${file}.stop`);
}, 100);
