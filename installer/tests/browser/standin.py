"""A feed of any length: what the viewer polls, for logs that are too large to be run for real.

It sends the page exactly as the orchestrator does, with the same headers, and pages of the same size.
"""

import json
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json.encoder import encode_basestring_ascii

EXECUTION = "exec_20260101120000_0a1b2c"
# CloudWatch gives at most this many lines a page, and at most 1 MB.
PAGE_LINES, PAGE_BYTES = 10_000, 1_000_000
START = 1_767_268_800_000


class StandIn:
    """Serves one log on loopback. `line(n)` is its n-th line; `slow` is how long each page takes, in seconds."""

    def __init__(self, endpoint, lines, line, slow=0.0):
        with urllib.request.urlopen(f"{endpoint}/logs/{EXECUTION}") as reply:
            self.page, self.headers = reply.read(), dict(reply.headers)
        self.lines, self.line, self.slow = lines, line, slow
        self.pages = self._cut()
        # When the plain page called back.
        self.marks = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        self.link = f"{self.base}/logs/{EXECUTION}#token=any"

    def _cut(self):
        """All pages as JSON, made before anything is measured."""
        pages, lines, size = [], [], 0
        for number in range(self.lines):
            text = self.line(number)
            if lines and (len(lines) == PAGE_LINES or size + len(text) + 26 > PAGE_BYTES):
                pages.append(self._page(len(pages), lines))
                lines, size = [], 0
            lines.append(f'{{"timestamp":{START + number},"message":{encode_basestring_ascii(text)}}}')
            size += len(text) + 26
        pages.append(self._page(len(pages), lines))
        return [*pages, self._page(len(pages), [])]

    def _page(self, number, lines):
        page = {"execution_id": EXECUTION, "status": "completed", "completed": not lines, "exit_code": 0}
        page["execution"] = {
            "command": "make everything", "image": "alpine", "user_email": "ada@example.com",
            "started_at": "2026-01-01T12:00:00Z", "completed_at": "2026-01-01T12:20:00Z", "cost_usd": 0.0123,
        }
        page["cursor"] = str(number + bool(lines))
        return f'{json.dumps(page)[:-1]}, "logs": [{",".join(lines)}]}}'.encode()

    def answer(self, request):
        url = urllib.parse.urlsplit(request.path)
        if url.path.startswith("/api/"):
            threading.Event().wait(self.slow)
            cursor = urllib.parse.parse_qs(url.query).get("cursor", ["0"])[0]
            return self._send(request, self.pages[int(cursor)], {"content-type": "application/json"})
        if url.path in ("/FIRST", "/ALL"):
            self.marks.setdefault(url.path[1:], time.monotonic())
        if url.path == "/pre":
            return self._pre(request)
        if url.path.startswith("/logs/"):
            kept = ("content-security-policy", "content-type", "referrer-policy")
            return self._send(request, self.page, {k: v for k, v in self.headers.items() if k.lower() in kept})
        return self._send(request, b"", {}, 404)

    def _pre(self, request):
        """The plainest page there is: the whole log as text in one `<pre>`. It calls back once it has painted, and at its end."""
        request.send_response(200)
        request.send_header("content-type", "text/html; charset=utf-8")
        request.send_header("connection", "close")
        request.end_headers()
        script = (
            "<script>new PerformanceObserver(() => fetch('/FIRST')).observe({ type: 'paint', buffered: true });"
            "addEventListener('load', () => requestAnimationFrame(() => fetch('/ALL')))</script>"
        )
        try:
            request.wfile.write(f"<!doctype html><title>pre</title>{script}<pre>".encode())
            for page in self.pages:
                text = "".join(line["message"] + "\n" for line in json.loads(page)["logs"])
                request.wfile.write(text.replace("&", "&amp;").replace("<", "&lt;").encode())
            request.wfile.write(b"</pre>")
        except ConnectionError:
            pass  # The browser was closed before it had everything.
        request.close_connection = True

    @staticmethod
    def _send(request, body, headers, status=200):
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
