# SPDX-License-Identifier: Apache-2.0
# The same as app.js with the server of Python's library: one thread per connection, HTTP/1.1.
# Usage: python3 app.py PORT NAME. SIGTERM: ends once what is under way is answered.
import hashlib
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, name = int(sys.argv[1]), sys.argv[2]
stopping = threading.Event()
idle = set()
lock = threading.Lock()


class Server(ThreadingHTTPServer):
    request_queue_size = 511
    daemon_threads = False


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_one_request(self):
        with lock:
            if stopping.is_set():
                self.close_connection = True
                return
            idle.add(self.connection)
        super().handle_one_request()
        with lock:
            idle.discard(self.connection)

    def parse_request(self):
        with lock:
            idle.discard(self.connection)
        return super().parse_request()

    def answer(self, text):
        body = text.encode()
        self.send_response(200)
        self.send_header('Content-Type', 'text/plain')
        self.send_header('Content-Length', str(len(body)))
        if stopping.is_set():
            self.send_header('Connection', 'close')
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(f'{name} says hello\n')

    def do_POST(self):
        length = int(self.headers['Content-Length'])
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        self.answer(f'{length} {hashlib.md5(body).hexdigest()}\n')

    do_PUT = do_POST

    def log_message(self, *args):
        pass


server = Server(('127.0.0.1', port), Handler)


def stop():
    server.shutdown()
    with lock:
        stopping.set()
        for connection in idle:
            connection.shutdown(socket.SHUT_RD)


signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=stop).start())
server.serve_forever()
server.server_close()
