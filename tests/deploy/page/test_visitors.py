"""What holds for every visitor: nothing is fetched or kept, and everybody can use the page."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.deploy.page import visitor
from voxjax.deploy.page import downloads

WIDE, NARROW = {"width": 1_400, "height": 3_000}, {"width": 390, "height": 5_500}  # all of the page is in sight
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}


@pytest.fixture
def answered_page(new_page):
    """A function that opens the page, uploads a recording and waits for the answer."""

    def opened(**options):
        page = new_page(**options)
        visitor.upload(page, speech=visitor.speech())
        visitor.answered(page)
        return page

    return opened


def cut_off(page):
    """Texts that are wider than the window, or than the box that hides what goes beyond it."""
    return page.evaluate("""() => [...document.querySelectorAll('[data-testid=stMain] *')]
        .filter((one) => one.checkVisibility() && one.childNodes.length && one.textContent.trim())
        .filter((one) => [...one.childNodes].some((part) => part.nodeType === 3 && part.textContent.trim()))
        .filter((one) => {
            const box = one.getBoundingClientRect();
            const hides = getComputedStyle(one).overflowX === 'hidden' && one.scrollWidth > one.clientWidth + 1;
            return box.width > 1 && (box.right > innerWidth + 1 || box.left < -1 || hides);
        })
        .map((one) => one.textContent.trim().slice(0, 40))""")


@pytest.mark.parametrize(("scheme", "size"), [("light", WIDE), ("dark", NARROW)])
def test_everybody_can_read_and_use_the_page(answered_page, scheme, size):
    """By the rules of WCAG 2.1 A and AA that a program can check, contrast among them; at both widths."""
    page = answered_page(color_scheme=scheme, viewport=size)
    page.get_by_text("Timeline as a table").click()
    visitor.settled(page)
    page.wait_for_timeout(500)  # until what unfolds has unfolded
    found = Axe().run(page, options=RULES).response["violations"]
    nodes = {one["id"]: [node["html"][:200] for node in one["nodes"]][:4] for one in found}
    assert nodes == {}
    main = page.get_by_test_id("stMain")
    assert main.evaluate("one => one.scrollWidth - one.clientWidth") == 0
    assert cut_off(page) == []
    background = page.get_by_test_id("stApp").evaluate("one => getComputedStyle(one).backgroundColor")
    light = sum(map(int, re.findall(r"\d+", background)[:3])) > 384
    assert light == (scheme == "light")


def test_nothing_is_fetched_from_elsewhere_and_nothing_is_left_on_disk(answered_page, page_url, page_home, page_audit):
    page = answered_page()
    addresses = []
    page.on("request", lambda request: addresses.append(request.url))
    page.on("websocket", lambda socket: addresses.append(socket.url))
    page.reload()
    visitor.upload(page, again=visitor.speech("happy", 1))
    visitor.answered(page)
    visitor.saved(page, downloads.PICTURE.title)
    host = page_url.removeprefix("http://")
    assert len(addresses) > 10
    assert [one for one in addresses if not re.match(rf"((http|ws)://{host}/|data:|blob:http://{host}/)", one)] == []
    connected = page_audit.read_text().split() if page_audit.exists() else []
    assert set(connected[1::2]) <= {"127.0.0.1", "localhost", "::1"}
    kept = [path for path in page_home.rglob("*") if path.is_file() and path.parent.name != "matplotlib"]  # its fonts
    assert kept == []
