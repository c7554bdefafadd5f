"""Chromium as a reader of logs, and what must hold for every page that it opens."""

import contextlib
import os
import time
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--enable-precise-memory-info", "--js-flags=--expose-gc",
]


@contextlib.contextmanager
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=FLAGS, headless=True)
        try:
            yield browser
        finally:
            browser.close()


class Reader:
    """One page of its own. `check` fails if a log made it do what no log may."""

    def __init__(self, browser, **options):
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.context.set_default_timeout(120_000)
        self.page = self.context.new_page()
        self.faults, self.requests, self.home = [], [], None
        self.page.on("dialog", lambda dialog: (self.faults.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("pageerror", lambda error: self.faults.append(f"an error: {error}"))
        self.page.on("console", self._console)
        self.page.on("popup", lambda _: self.faults.append("a window"))
        self.page.on("request", self._request)

    def _console(self, message):
        # A cut network is reported by the browser itself.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(f"console: {message.text}")

    def _request(self, request):
        self.requests.append(request)
        url = urlsplit(request.url)
        if url.scheme in ("http", "https") and self.home and url.netloc != self.home:
            self.faults.append(f"a request to {request.url}")

    def open(self, link):
        self.home = urlsplit(link).netloc
        self.page.goto(link)
        return self.page

    def check(self):
        assert not self.faults, self.faults
        self.context.close()


def lines(page):
    """The lines on the screen, as they read."""
    return page.locator(".row .text").all_inner_texts()


def drawn(page):
    """Rows are drawn in the frame that follows."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))")


def until(page, expression, argument=None, seconds=90):
    """Asks again and again from outside: a page with a strict policy evaluates nothing by itself."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression, argument):
        assert time.monotonic() < deadline, f"still not so after {seconds} s: {expression}"
        page.wait_for_timeout(50)


def complete(page, seconds=120):
    until(page, "document.querySelector('#link').textContent === 'complete'", seconds=seconds)
