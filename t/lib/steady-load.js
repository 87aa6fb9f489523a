// SPDX-License-Identifier: Apache-2.0
// Clients that notice every loss: keep-alive POSTs, HTTP/2 POSTs and WebSockets, with their backend.
// Usage: node steady-load.js BACKEND-PORT HTTP-PORT HTTPS-PORT POSTS H2 SOCKETS FILE. It rewrites
// FILE with its counts ten times a second, until a file FILE.stop is there.
'use strict';
const fs = require('fs');
const http = require('http');
const http2 = require('http2');
const net = require('net');

const [backendPort, httpPort, httpsPort, posts, streams, sockets] = process.argv.slice(2, 8).map(Number);
const file = process.argv[8];
const counts = { posts: 0, h2: 0, echoes: 0, unsent: 0, connections: 0, sessions: 0, open: 0, failed: [] };
let stopping = false;
const fail = (what) => { if (!stopping) counts.failed.push(what); };
const later = (fn) => setTimeout(fn, Math.random() * 20);

const backend = http.createServer((request, response) => {
  let n = 0;
  request.on('data', (data) => { n += data.length; });
  request.on('end', () => response.end(String(n)));
});
backend.keepAliveTimeout = 600000;
backend.on('upgrade', (request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  socket.on('data', (data) => socket.write(data));
  socket.on('error', () => {});
});

// One connection, one POST after the other. It may be closed between two, never during one.
function post() {
  if (stopping) return;
  const socket = net.connect(httpPort, '127.0.0.1');
  let waits = false, text = '', ends = false;
  counts.connections++;
  const send = () => {
    if (stopping || socket.destroyed) return;
    if (ends) { socket.end(); later(post); return; }
    waits = true;
    text = '';
    socket.write('POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello');
  };
  let again = false;
  const gone = (why) => {
    if (waits) fail(`post: ${why}`);
    if (!again && !ends) { again = true; waits = false; later(post); }
  };
  socket.on('connect', send);
  socket.on('data', (data) => {
    text += data;
    const end = text.indexOf('\r\n\r\n');
    if (end < 0 || text.length < end + 5) return;
    if (!text.startsWith('HTTP/1.1 200') || !text.endsWith('5')) fail(`post: ${text.slice(0, 60)}`);
    ends = /^connection: close/mi.test(text);
    waits = false;
    counts.posts++;
    later(send);
  });
  socket.on('error', (e) => gone(e.code));
  socket.on('close', () => gone('closed'));
}

// One HTTP/2 session, one stream after the other; a session that goes away gets no new ones.
function session() {
  if (stopping) return;
  const h2 = http2.connect(`https://127.0.0.1:${httpsPort}`, { rejectUnauthorized: false });
  let left = false;
  counts.sessions++;
  const leave = () => { if (!left) { left = true; later(session); } };
  h2.on('goaway', leave);
  h2.on('close', leave);
  h2.on('error', (e) => { if (!stopping) fail(`session: ${e.code || e.message}`); leave(); });
  const send = () => {
    if (stopping) { h2.close(); return; }
    if (left || h2.closed || h2.destroyed) return;
    const stream = h2.request({ ':method': 'POST', ':path': '/h2' });
    let text = '', status;
    stream.on('response', (head) => { status = head[':status']; });
    stream.on('data', (data) => { text += data; });
    stream.on('error', () => {});
    stream.on('close', () => {
      // GOAWAY came while the request was on its way to the library's socket: it was never sent.
      if (stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM && !status) { counts.unsent++; leave(); return; }
      if (status === 200 && text === '5') counts.h2++;
      else fail(`h2: status ${status} body ${text} code ${stream.rstCode}`);
      later(send);
    });
    stream.end('hello');
  };
  h2.on('connect', send);
}

// Echoes for ever, and must never close.
function webSocket() {
  const socket = net.connect(httpPort, '127.0.0.1');
  let ready = false, sent = 0, got = '';
  const send = () => {
    if (stopping) return;
    got = '';
    socket.write(`message ${++sent};`);
  };
  socket.on('connect', () => socket.write(
    'GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'));
  socket.on('data', (data) => {
    got += data;
    if (!ready) {
      if (!got.endsWith('\r\n\r\n')) return;
      if (!got.startsWith('HTTP/1.1 101')) fail(`socket: ${got.slice(0, 40)}`);
      ready = true;
      counts.open++;
      send();
    } else if (got.endsWith(';')) {
      if (got !== `message ${sent};`) fail(`socket: ${got.slice(0, 40)} instead of ${sent}`);
      counts.echoes++;
      setTimeout(send, 50 + Math.random() * 100);
    }
  });
  socket.on('error', (e) => fail(`socket: ${e.code}`));
  socket.on('close', () => { counts.open--; fail('socket: closed'); });
}

backend.listen(backendPort, '127.0.0.1', () => {
  for (let i = 0; i < posts; i++) post();
  for (let i = 0; i < streams; i++) session();
  for (let i = 0; i < sockets; i++) webSocket();
});
setInterval(() => {
  fs.writeFileSync(`${file}.new`, JSON.stringify(counts));
  fs.renameSync(`${file}.new`, file);
  if (stopping) process.exit(0);
  stopping = fs.existsSync(`${file}.stop`);
}, 100);
