"""A million lines: the viewer beside a page that is nothing but the same text in one `<pre>`.

Prints what it measured. Times depend on the machine, so none is asserted; what must hold anywhere is.
"""

import json
import sys
import time

from chromium import Reader, chromium, complete, until
from standin import StandIn

LINES = 1_000_000

FRAMES = """async (where) => {
  const page = document.querySelector(where) ?? document.scrollingElement;
  const [times, began] = [[], performance.now()];
  for (let last = began; last - began < 3000;) {
    page.scrollTop += 4000;
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
  }
  times.sort((a, b) => a - b);
  const at = (part) => Math.round(times[Math.floor((times.length - 1) * part)]);
  return { median: at(0.5), p95: at(0.95), worst: at(1) };
}"""


def line(number):
    text = f"{number + 1:>9}: [worker-{number % 16:02}] compiled module_{number * 7919 % 100_003}/source_{number % 97}.rs"
    return text + (" \x1b[32mok\x1b[0m" if number % 10 else " \x1b[31merror: mismatched types\x1b[0m") + " " + "." * 24


def memory(browser):
    """What the pages' processes have in memory, in MB."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    total = 0
    for process in processes:
        if process["type"] == "renderer":
            with open(f"/proc/{int(process['id'])}/status") as status:
                total += next(int(row.split()[1]) for row in status if row.startswith("VmRSS")) / 1024
    return round(total)


def viewer(feed):
    with chromium() as browser:
        reader = Reader(browser)
        began = time.monotonic()
        page = reader.open(feed.link)
        page.wait_for_selector(".row")
        found = {"first line": time.monotonic() - began}
        assert page.locator("#link").inner_text() != "complete", "the first lines must not wait for the last"
        complete(page, 600)
        found["all lines"] = time.monotonic() - began
        assert page.locator("#lines").inner_text() == f"{LINES:,} lines"
        assert page.locator(".row").count() < 200, "only what is on the screen exists"
        found["memory"] = memory(browser)
        found["frames"] = page.evaluate(FRAMES, "#log")
        found["search"] = search(page)
        end(page)
        reader.check()
    return found


def search(page):
    began = time.monotonic()
    page.fill("#query", "mismatched")
    until(page, "document.querySelector('#count').textContent.endsWith('100,000 lines')")
    return time.monotonic() - began


def end(page):
    """The last line is there, whole, and so is one in the middle: nothing is lost at heights that browsers can't draw."""
    page.keyboard.press("Escape")
    page.keyboard.press("G")
    until(page, "[...document.querySelectorAll('.row')].at(-1)?.dataset.row === '999999'")
    assert page.locator(".row .text").last.inner_text().startswith("  1000000: [worker-15]")
    assert page.locator(".row").last.bounding_box()["y"] < page.viewport_size["height"]
    page.keyboard.press(":")
    page.fill("#target", "654321")
    page.keyboard.press("Enter")
    row = page.locator(".row.picked")
    row.wait_for()
    assert row.locator(".text").inner_text().startswith("   654321:") and row.is_visible()


# Nobody would wait longer for the plain page; what it has not shown by then is left out.
PATIENCE = 60


def plain(feed):
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        began = time.monotonic()
        page.goto(f"{feed.base}/pre")
        # A page that is busy answers nothing, so it says by itself when it has painted.
        while not feed.painted.is_set() and time.monotonic() - began < PATIENCE:
            page.wait_for_timeout(50)
        found = {"memory": memory(browser), "frames": {}}
        if feed.painted.is_set():
            found["first line"] = found["all lines"] = time.monotonic() - began
            found["frames"] = page.evaluate(FRAMES, "html")
    return found


def report(ours, theirs):
    row = "{:<24}{:>12}{:>12}{:>8}".format
    print(row(f"{LINES:,} lines", "viewer", "<pre>", "ratio"))

    def show(name, unit, mine, other):
        beside = (f"> {PATIENCE} s", "-") if other is None else (f"{other:.2f} {unit}", f"{mine / max(other, 0.001):.2f}")
        print(row(name, f"{mine:.2f} {unit}", *beside))

    for name in ("first line", "all lines"):
        show(name, "s", ours[name], theirs.get(name))
    for name in ("median", "p95", "worst"):
        show(f"scrolling, {name} frame", "ms", ours["frames"][name], theirs["frames"].get(name))
    show("memory", "MB", ours["memory"], theirs["memory"])
    print(row("search in all lines", f"{ours['search']:.2f} s", "-", "-"))


def main():
    began = time.monotonic()
    feed = StandIn(json.load(sys.stdin)["endpoint"], LINES, line)
    print(f"{sum(map(len, feed.pages)) / 1e6:.0f} MB in {len(feed.pages)} pages, made in {time.monotonic() - began:.1f} s")
    report(viewer(feed), plain(feed))
    feed.close()


main()
