"""Everything that the page offers, tried out on a log of hostile and ordinary lines."""

import pathlib
import re

import corpus
from axe_playwright_python.sync_playwright import Axe
from chromium import Reader, chromium, complete, drawn, lines, until
from deployed import Deployed

AXE = Axe()
# The command's own text is as hostile as its output.
COMMAND = "cat corpus.log #<img src=x onerror=alert('command')></h1><script>alert('command')</script>"


def accessible(page, where):
    found = AXE.run(page)
    assert found.violations_count == 0, f"{where}: {found.generate_report()}"


def clipboard(page):
    page.wait_for_timeout(150)
    return page.evaluate("navigator.clipboard.readText()")


def count(page, text):
    until(page, "(text) => document.querySelector('#count').textContent === text", text)


def row(page, number):
    return page.locator(f".row[data-row='{number - 1}']")


def shows(page, number):
    until(page, "(row) => { const box = document.querySelector(`.row[data-row='${row}']`)?.getBoundingClientRect();"
                " return box && box.top >= 0 && box.bottom <= innerHeight; }", number - 1)


def go_to(page, text):
    page.keyboard.press(":")
    page.fill("#target", text)
    page.keyboard.press("Enter")


def hostile_text_is_text(page):
    go_to(page, "1")
    page.keyboard.press("Escape")
    drawn(page)
    first = len(corpus.MARKUP)
    assert lines(page)[:first] == corpus.MARKUP, lines(page)[:first]
    assert page.locator("#command").inner_text() == COMMAND.replace("corpus.log", str(Page.corpus))
    odd = "[...document.querySelectorAll('.text *, #command *, #facts dd *')].filter((e) => !['SPAN', 'MARK'].includes(e.tagName))"
    assert page.evaluate(f"{odd}.length") == 0
    kinds = "document.querySelectorAll('script, style, link, meta, img, svg, iframe, object, form').length"
    assert page.evaluate(kinds) == Page.elements
    links = page.evaluate("[...document.querySelectorAll('#log a')].every((a) => /^#L\\d+$/.test(a.getAttribute('href')))")
    assert links
    assert page.evaluate("Object.keys(window).every((key) => key !== 'evil')")


def codes_become_styles(page):
    shown = {text.inner_text(): text for text in page.locator(".row .text").all()}
    for _, read in corpus.CODES:
        assert read in shown, f"{read!r} is not in {list(shown)}"
    look = (
        "(text, part) => { const css = getComputedStyle([...text.children].find((span) => span.textContent === part));"
        " return [css.color, css.backgroundColor, css.fontWeight, css.textDecorationLine]; }"
    )

    def of(line, part):
        return shown[line].evaluate(look, part)

    first = corpus.CODES[0][1]
    assert of(first, "red")[0] == "rgb(179, 18, 29)"
    assert of(first, "bold underlined green") == ["rgb(17, 99, 41)", "rgba(0, 0, 0, 0)", "700", "underline"]
    assert of(first, " not")[2:] == ["400", "none"]
    assert of(corpus.CODES[1][1], " colour")[1] == "rgb(0, 0, 80)"
    assert of("and goes on here", "and goes on here")[0] == of("this colour is left on", "this colour is left on")[0]
    # White on white is not asked for to be unreadable.
    white = of(corpus.CODES[2][1], "white on white")
    assert white[0] != white[1], white


def rows_that_were_drawn_over(page):
    first = len(corpus.MARKUP) + len(corpus.CODES) + 1
    assert [row(page, first + n).locator(".text").inner_text() for n in range(2)] == corpus.DRAWN_AT_LAST
    assert page.locator("#lines").inner_text() == f"{len(corpus.READ)} lines"


def searching(page):
    page.keyboard.press("/")
    page.keyboard.type("needle")
    count(page, "1 of 16 lines")
    assert page.locator("#said").inner_text() == "1 of 16 lines"
    assert page.locator(".row.here mark").inner_text() == "needle"
    page.keyboard.press("Enter")
    count(page, "2 of 16 lines")
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    count(page, "16 of 16 lines")
    shows(page, len(corpus.READ))
    page.locator("#log").focus()
    # A new search begins where one is, which is the end.
    page.keyboard.press("a")
    count(page, "15 of 15 lines")
    page.keyboard.press("n")
    count(page, "1 of 15 lines")
    page.keyboard.press("N")
    count(page, "15 of 15 lines")
    page.keyboard.press("r")
    page.fill("#query", "number (40|8[0-9])$")
    count(page, "1 of 11 lines")
    page.fill("#query", "number (")
    count(page, "not a valid pattern")
    # One that would run for ever is given up, and the page lives on.
    page.fill("#query", "(x+x+)+y")
    count(page, "this pattern takes too long")
    page.fill("#query", "needle")
    count(page, "1 of 15 lines")
    page.locator("#log").focus()
    page.keyboard.press("r")
    page.keyboard.press("a")
    count(page, "1 of 16 lines")


def filtering(page):
    page.keyboard.press("f")
    until(page, "document.querySelectorAll('.row').length === 16")
    assert lines(page) == [line for line in corpus.READ if "needle" in line.lower()]
    number = corpus.READ.index("needle number 80") + 1
    assert row(page, number).locator(".number").inner_text() == str(number), "a line's number stays its own"
    Page.screenshot(page, "filter")
    page.keyboard.press("f")
    page.keyboard.press("Escape")
    count(page, "")
    until(page, "document.querySelectorAll('.row').length > 16")


def wrapping(page):
    number = corpus.READ.index(corpus.LONG) + 1
    go_to(page, str(number))
    shows(page, number + 1)
    assert row(page, number).bounding_box()["height"] > 300
    page.keyboard.press("w")
    until(page, "(row) => document.querySelector(`.row[data-row='${row}']`)?.offsetHeight === 20", number - 1)
    assert page.locator("#log").evaluate("(log) => log.scrollWidth > 10_000")
    page.keyboard.press("w")
    until(page, "document.querySelector('#log').scrollWidth < 1300")
    page.keyboard.press("Escape")


def times(page):
    for kind, pattern in (("local", r"\d\d:\d\d:\d\d\.\d{3}"), ("utc", r"\d\d:\d\d:\d\d\.\d{3}Z"), ("relative", r"\+\d:\d\d:\d\d\.\d{3}")):
        page.keyboard.press("t")
        assert page.locator("#times").input_value() == kind
        page.locator(".time").first.wait_for()
        text = page.locator(".time").first.text_content()
        assert re.fullmatch(pattern, text), text
    page.keyboard.press("t")
    until(page, "document.querySelectorAll('.time').length === 0")


def picking_and_copying(page, link):
    start = len(corpus.MARKUP)
    go_to(page, str(start))
    shows(page, start)
    row(page, start + 1).locator(".number a").click()
    address = lambda: page.evaluate("location.href")
    assert address().endswith(f"#L{start + 1}")
    drawn(page)
    row(page, start + 4).locator(".number a").click(modifiers=["Shift"])
    assert address().endswith(f"#L{start + 1}-L{start + 4}")
    drawn(page)
    assert page.locator(".row.picked").count() == 4
    page.keyboard.press("c")
    assert clipboard(page) == "\n".join(corpus.READ[start:start + 4])
    page.keyboard.press("l")
    shared = clipboard(page)
    assert shared == link.replace("#", f"#L{start + 1}-L{start + 4}&")
    page.keyboard.press("Escape")
    assert "#" not in address()
    drawn(page)
    # What is marked on the screen comes without numbers and codes too.
    page.evaluate("(rows) => { const of = (row) => document.querySelector(`.row[data-row='${row}'] .text`);"
                  " getSelection().setBaseAndExtent(of(rows[0]), 0, of(rows[1]), of(rows[1]).childNodes.length); }", [start, start + 1])
    page.locator("#copy").click()
    assert clipboard(page).replace("\n\n", "\n") == "\n".join(corpus.READ[start:start + 2])
    page.evaluate("getSelection().removeAllRanges()")
    page.keyboard.press("c")
    assert clipboard(page) == "\n".join(corpus.READ)
    return shared


def downloading(page):
    for key, name, wanted in (("d", f"{Page.id}.log", corpus.READ), ("D", f"{Page.id}.raw.log", None)):
        with page.expect_download() as download:
            page.keyboard.press(key)
        assert download.value.suggested_filename == name
        text = pathlib.Path(download.value.path()).read_bytes().decode()
        if wanted:
            assert text == "\n".join(wanted) + "\n"
        else:
            assert text == "\n".join(corpus.WRITTEN) + "\n"


def keyboard(page):
    page.keyboard.press("G")
    shows(page, len(corpus.READ))
    page.keyboard.press("g")
    shows(page, 1)
    until(page, "document.querySelector('#log').scrollTop === 0")
    page.keyboard.press("j")
    until(page, "document.querySelector('#log').scrollTop === 20")
    page.keyboard.press("k")
    page.keyboard.press("?")
    page.locator("#keys").wait_for()
    accessible(page, "the keyboard's page")
    Page.screenshot(page, "keys")
    # Whoever speaks to their machine can have single letters do nothing.
    page.locator("#letters").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("w")
    assert page.locator("#wrap").get_attribute("aria-pressed") == "true"
    page.locator("#help").click()
    page.locator("#letters").check()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+f")
    assert page.evaluate("document.activeElement.id") == "query"
    page.locator("#log").focus()


def themes(page):
    page.keyboard.press("m")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 23)"
    page.wait_for_timeout(200)
    accessible(page, "dark")
    Page.screenshot(page, "dark")
    page.keyboard.press("m")
    page.keyboard.press("m")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def the_token_is_nowhere(page, token):
    assert "token" not in page.url and token not in page.url
    kept = page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, history.state])")
    assert token not in kept
    assert token not in page.content()


class Page:
    """What the checks need to know of the page that is open."""

    @staticmethod
    def screenshot(page, name):
        page.screenshot(path=Page.output / f"{name}.png")


def other_ways_in(browser, link, shared):
    """By `?token=`, by a link to lines, and on a phone."""
    page_link, token = link.split("#token=")
    reader = Reader(browser)
    page = reader.open(f"{page_link}?token={token}")
    complete(page)
    the_token_is_nowhere(page, token)
    reader.check()
    first = len(corpus.MARKUP) + 1
    reader = Reader(browser)
    page = reader.open(shared)
    until(page, "document.querySelectorAll('.row.picked').length === 4")
    assert page.url.endswith(f"#L{first}-L{first + 3}")
    shows(page, first)
    reader.check()
    reader = Reader(browser, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page = reader.open(link)
    complete(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "a phone never scrolls sideways"
    assert page.locator("#log").bounding_box()["height"] > 370
    accessible(page, "phone")
    Page.screenshot(page, "phone")
    reader.check()


def a_busy_server_and_an_old_cursor(browser, link):
    """No line is lost or comes twice when a page is refused, or the cursor has become too old to go on from."""
    reader = Reader(browser)
    refusals = [(503, {"code": "unavailable", "message": "busy"}), (400, {"code": "invalid_request", "field": "cursor"})]
    noticed = []

    def refuse(route):
        if "cursor=" not in route.request.url or not refusals:
            return route.continue_()
        status, error = refusals[0]
        # Busy until that was seen.
        if status != 503 or noticed:
            refusals.pop(0)
        return route.fulfill(status=status, json={"error": error})

    reader.page.route("**/api/logs/**", refuse)
    page = reader.open(link)
    until(page, "document.querySelector('#link').textContent.startsWith('the server is busy')")
    noticed.append(True)
    complete(page)
    assert not refusals
    page.keyboard.press("c")
    assert clipboard(page) == "\n".join(corpus.READ)
    reader.check()


def no_right_no_data(browser, deployed, link, execution):
    other, other_link = deployed.start("echo other")
    page_link = link.split("#")[0]
    cases = {
        "no token": (page_link, "This address is only half of a link"),
        "expired": (f"{page_link}#token={deployed.token(execution, -60)}", "This link does not open this log"),
        "wrong": (f"{page_link}#token=nonsense", "This link does not open this log"),
        "another log's": (f"{page_link}#token={other_link.split('=')[1]}", "This link does not open this log"),
    }
    for name, (address, title) in cases.items():
        reader = Reader(browser)
        page = reader.open(address)
        page.locator("#problem").wait_for()
        assert page.locator("#problem h1").inner_text() == title, name
        assert not page.locator("#log").is_visible() and page.locator(".row").count() == 0
        assert COMMAND[:10] not in page.content() and "admin@example.com" not in page.content()
        assert "token" not in page.url
        accessible(page, name)
        if name == "expired":
            Page.screenshot(page, "expired")
            # The whole link in the same tab opens the log.
            page.evaluate("(hash) => { location.hash = hash; }", link.split("#")[1])
            complete(page)
            assert page.locator(".row").count() > 10
        reader.check()


def main():
    deployed = Deployed()
    Page.output = deployed.output
    Page.corpus = deployed.scratch / "corpus.log"
    Page.corpus.write_text("\n".join(corpus.WRITTEN) + "\n")
    execution, link = deployed.start(COMMAND.replace("corpus.log", str(Page.corpus)), "--lock", "features")
    Page.id = execution
    deployed.ended(execution)
    with chromium() as browser:
        reader = Reader(browser, color_scheme="light")
        page = reader.open(link)
        complete(page)
        Page.elements = page.evaluate("document.querySelectorAll('script, style, link, meta, form').length")
        the_token_is_nowhere(page, link.split("#token=")[1])
        hostile_text_is_text(page)
        codes_become_styles(page)
        rows_that_were_drawn_over(page)
        accessible(page, "light")
        Page.screenshot(page, "light")
        searching(page)
        filtering(page)
        wrapping(page)
        times(page)
        shared = picking_and_copying(page, link)
        downloading(page)
        keyboard(page)
        themes(page)
        reader.check()
        other_ways_in(browser, link, shared)
        a_busy_server_and_an_old_cursor(browser, link)
        no_right_no_data(browser, deployed, link, execution)


if __name__ == "__main__":
    main()
