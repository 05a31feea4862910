"""Serves POST requests on a port of its own until standard input ends, which it
does when the program that started this one is gone."""

import http.server
import os
import sys
import threading


def serve(handle):
    # One request at a time, as flask.request is one object for all of them.
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                try:
                    status, text = handle(self.path, self.headers, body)
                except Exception as error:
                    status, text = 500, repr(error)
            answer = text.encode("utf-8")
            self.send_response(status)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()
    os._exit(0)
