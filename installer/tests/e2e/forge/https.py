"""Git over https with basic auth: the real `git http-backend` behind a small TLS server.

Standard input: the certificate, its key, the directory of the repositories and `user:token`, a line each. It prints its
port. Below /moved it redirects to the same path without that, below /away to another host. While `hold` is in the
directory it answers nobody. Large files are those of the directory `lfs`, by their digest.
"""

import base64
import hmac
import http.server
import json
import os
import ssl
import subprocess
import sys
import threading
import time

CERTIFICATE, KEY, ROOT, CREDENTIAL = (line.rstrip("\n") for line in sys.stdin)
EXPECTED = "Basic " + base64.b64encode(CREDENTIAL.encode()).decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def serve(self):
        while os.path.exists(os.path.join(ROOT, "hold")):
            time.sleep(0.02)
        path, _, query = self.path.partition("?")
        host = self.headers["Host"]
        if path.startswith("/moved/"):
            return self.reply(301, [("Location", f"https://{host}{self.path[len('/moved'):]}")])
        if path.startswith("/away/"):
            port = host.split(":")[1]
            return self.reply(301, [("Location", f"https://127.0.0.1:{port}{self.path[len('/away'):]}")])
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        given = self.headers.get("Authorization", "")
        if not path.startswith("/public/") and not hmac.compare_digest(given, EXPECTED):
            # As a careless server would.
            return self.reply(401, [("WWW-Authenticate", 'Basic realm="git"')], f"no: {given}".encode())
        if path.endswith("/info/lfs/objects/batch"):
            objects = [
                {**wanted, "actions": {"download": {"href": f"https://{host}/lfs/{wanted['oid']}"}}}
                for wanted in json.loads(body)["objects"]
            ]
            kind = [("Content-Type", "application/vnd.git-lfs+json")]
            return self.reply(200, kind, json.dumps({"transfer": "basic", "objects": objects}).encode())
        if path.startswith("/lfs/"):
            with open(os.path.join(ROOT, "lfs", os.path.basename(path)), "rb") as content:
                return self.reply(200, [("Content-Type", "application/octet-stream")], content.read())
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": ROOT,
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_USER": "reader",
        }
        ran = subprocess.run(["git", "http-backend"], input=body, env=environment, stdout=subprocess.PIPE, check=False)
        head, _, content = ran.stdout.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n") if line]
        status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
        self.reply(status, [pair for pair in headers if pair[0] != "Status"], content)

    do_GET = do_POST = serve


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
# It ends with whoever started it.
threading.Thread(target=server.serve_forever, daemon=True).start()
parent = os.getppid()
while os.getppid() == parent:
    time.sleep(0.2)
