"""A command that runs, watched from its first line to its last."""

import json

from chromium import Reader, chromium, complete, lines, until
from deployed import Deployed

# Each step waits for its file, so that the test says when something happens.
SCRIPT = r"""
step() { while [ ! -e %(scratch)s/$1 ]; do sleep 0.05; done; }
echo "line 1"
step more; n=2; while [ $n -le 300 ]; do echo "line $n"; n=$((n+1)); done
step behind; for n in 301 302 303; do echo "line $n"; done
step cut; for n in 304 305; do echo "line $n"; done
step sleep; for n in 306 307; do echo "line $n"; done
step end; echo "line 308"; exit 3
"""


def last_line(page, text):
    until(page, "(text) => [...document.querySelectorAll('.row .text')].at(-1)?.textContent === text", text)


def main():
    deployed = Deployed()
    go = lambda name: (deployed.scratch / name).touch()
    execution, link = deployed.start(SCRIPT % {"scratch": deployed.scratch}, "--lock", "live")
    with chromium() as browser:
        reader = Reader(browser)
        reader.page.clock.install()
        page = reader.open(link)
        until(page, "document.querySelector('#status').textContent === 'running'")
        last_line(page, "line 1")
        facts = page.locator("#facts").inner_text()
        assert "admin@example.com" in facts and "live" in facts and "Elapsed" in facts and "Exit code" not in facts, facts
        assert page.locator("#link").inner_text() == "live"
        follows(page, go)
        survives_a_cut_network(reader, go)
        survives_sleep(page, go)
        page.screenshot(path=deployed.output / "live.png")
        ends(reader, go)
        whole = [f"line {n}" for n in range(1, 309)]
        page.keyboard.press("c")
        assert page.evaluate("navigator.clipboard.readText()").splitlines() == whole
        reader.check()
    assert deployed.run("logs", execution).splitlines() == whole
    assert deployed.ended(execution)["exit_code"] == 3


def follows(page, go):
    go("more")
    last_line(page, "line 300")
    # Whoever scrolls up stays where they are, and is told of what comes.
    page.mouse.move(600, 500)
    bottom = top(page)
    page.mouse.wheel(0, -2000)
    until(page, "(bottom) => document.querySelector('#log').scrollTop < bottom", bottom)
    before = at_rest(page)
    go("behind")
    page.locator("#fresh").filter(has_text="3 new lines").wait_for()
    assert top(page) == before
    assert "line 303" not in lines(page)
    page.locator("#fresh").click()
    last_line(page, "line 303")
    assert page.locator("#fresh").is_hidden()


def top(page):
    return page.locator("#log").evaluate("(log) => log.scrollTop")


def at_rest(page):
    """Where the log stands once it has not moved for a second: a wheel scrolls smoothly, a busy machine in jerks."""
    seen = [top(page)]
    while len(seen) < 6 or len(set(seen[-6:])) > 1:
        page.wait_for_timeout(200)
        seen.append(top(page))
    return seen[-1]


def survives_a_cut_network(reader, go):
    page = reader.page
    reader.context.set_offline(True)
    go("cut")
    until(page, "document.querySelector('#link').textContent.startsWith('no connection')")
    assert page.locator("#said").inner_text().startswith("no connection")
    reader.context.set_offline(False)
    last_line(page, "line 305")
    assert page.locator("#link").inner_text() == "live"


def survives_sleep(page, go):
    go("sleep")
    # The lid is closed for an hour: no timer fires meanwhile, and then at most one of each.
    page.clock.fast_forward("01:00:00")
    last_line(page, "line 307")


def ends(reader, go):
    page = reader.page
    seen = []

    def not_yet(route):
        # How soon the end is on record is not the page's doing: what comes before "complete" is seen for sure.
        reply = route.fetch()
        body = reply.json()
        body["completed"] = body.get("completed", False) and bool(seen)
        route.fulfill(response=reply, json=body)

    page.route("**/api/logs/**", not_yet)
    go("end")
    until(page, "document.querySelector('#status').textContent === 'failed'")
    assert page.locator("#said").inner_text().startswith("The execution has ended. failed: exit code 3")
    last_line(page, "line 308")
    until(page, "document.querySelector('#link').textContent === 'the last lines are on their way …'")
    seen.append(True)
    complete(page)
    page.unroute("**/api/logs/**")
    facts = page.locator("#facts").inner_text().replace("\n", " ")
    assert "Exit code 3" in facts and "Cost $" in facts and "Took" in facts, facts
    assert "exit code 3" in page.locator("#end").inner_text()
    assert "failed" in page.title()
    # Nobody asks for more of what is complete.
    asked = len(reader.requests)
    page.clock.fast_forward("01:00")
    page.wait_for_timeout(500)
    assert len(reader.requests) == asked


main()
