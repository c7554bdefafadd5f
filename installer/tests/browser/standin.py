"""A feed of any length: what the viewer polls, for logs that are too large to be run for real.

It sends the page exactly as the orchestrator does, with the same headers, and pages of the same size.
"""

import json
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json.encoder import encode_basestring_ascii

EXECUTION = "exec_20260101120000_0a1b2c"
# CloudWatch gives at most this many lines a page, and at most 1 MB.
PAGE_LINES, PAGE_BYTES = 10_000, 1_000_000
START = 1_767_268_800_000


class StandIn:
    """Serves one log on loopback. `line(n)` is its n-th line."""

    def __init__(self, endpoint, lines, line):
        with urllib.request.urlopen(f"{endpoint}/logs/{EXECUTION}") as reply:
            self.page, self.headers = reply.read(), dict(reply.headers)
        self.lines, self.line = lines, line
        self.pages = self._cut()
        self.text = self._text()
        self.painted = threading.Event()
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
            "command": "make everything", "image": "alpine", "user_email": "user@example.com",
            "started_at": "2026-01-01T12:00:00Z", "completed_at": "2026-01-01T12:20:00Z", "cost_usd": 0.0123,
        }
        page["cursor"] = str(number + bool(lines))
        return f'{json.dumps(page)[:-1]}, "logs": [{",".join(lines)}]}}'.encode()

    def answer(self, request):
        url = urllib.parse.urlsplit(request.path)
        if url.path.startswith("/api/"):
            cursor = urllib.parse.parse_qs(url.query).get("cursor", ["0"])[0]
            return self._send(request, self.pages[int(cursor)], {"content-type": "application/json"})
        if url.path == "/painted":
            self.painted.set()
        if url.path == "/text":
            return self._send(request, self.text, {"content-type": "text/plain; charset=utf-8"})
        if url.path == "/pre":
            return self._pre(request)
        if url.path.startswith("/logs/"):
            kept = ("content-security-policy", "content-type", "referrer-policy")
            return self._send(request, self.page, {k: v for k, v in self.headers.items() if k.lower() in kept})
        return self._send(request, b"", {}, 404)

    def _pre(self, request):
        """The plainest page there is: all text in one `<pre>`, put there at once, which is the quickest for Chromium (streamed as
        HTML it lays everything out again and again). It calls back when that is painted."""
        script = (
            "fetch('/text').then((reply) => reply.text()).then((text) => { document.querySelector('pre').textContent = text;"
            " requestAnimationFrame(() => setTimeout(() => fetch('/painted'))); })"
        )
        page = f"<!doctype html><title>pre</title><pre></pre><script>{script}</script>"
        return self._send(request, page.encode(), {"content-type": "text/html; charset=utf-8"})

    def _text(self):
        return "".join(line["message"] + "\n" for page in self.pages for line in json.loads(page)["logs"]).encode()

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
