// SPDX-License-Identifier: Apache-2.0
// A gRPC server for tests: node grpc-server.js FOLDER PORT [NAME]. FOLDER has @grpc/grpc-js in
// node_modules. Messages are bytes.
'use strict';
const grpc = require(process.argv[2] + '/node_modules/@grpc/grpc-js');
const bytes = (buffer) => buffer;
const method = (path, requestStream, responseStream) => ({
  path, requestStream, responseStream,
  requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes,
});
const service = {
  Unary: method('/test.Echo/Unary', false, false),
  Down: method('/test.Echo/Down', false, true),
  Up: method('/test.Echo/Up', true, false),
  Both: method('/test.Echo/Both', true, true),
};
let cancelled = 0;
const server = new grpc.Server({ 'grpc.max_concurrent_streams': 1000 });
server.addService(service, {
  Unary(call, done) {
    const text = call.request.toString();
    if (text === 'fail') {
      const trailers = new grpc.Metadata();
      trailers.set('x-why', 'because');
      return done({ code: grpc.status.NOT_FOUND, details: 'no such thing', metadata: trailers });
    }
    if (text === 'cancelled') return done(null, Buffer.from(String(cancelled)));
    if (text === 'never') {
      call.once('cancelled', () => { cancelled++; });
      return undefined;
    }
    const head = new grpc.Metadata();
    head.set('x-saw', String(call.metadata.get('x-sent')[0]));
    call.sendMetadata(head);
    const trailers = new grpc.Metadata();
    trailers.set('x-sum', String(text.length));
    return done(null, call.request, trailers);
  },
  Down(call) {
    for (let i = 0; i < Number(call.request.toString()); i++) call.write(Buffer.alloc(1000, 97 + i % 26));
    call.end();
  },
  Up(call, done) {
    let n = 0;
    call.on('data', (m) => { n += m.length; });
    call.on('end', () => done(null, Buffer.from(String(n))));
  },
  Both(call) {
    call.on('data', (m) => call.write(Buffer.concat([Buffer.from('re:'), m])));
    call.on('end', () => call.end());
    call.once('cancelled', () => { cancelled++; });
  },
});
server.bindAsync('127.0.0.1:' + process.argv[3], grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
