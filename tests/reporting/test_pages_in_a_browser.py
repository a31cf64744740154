"""The page of a run in a real browser: wide and narrow, light and dark."""

import numpy as np
import pytest

from tests.reporting.test_run_report import run
from voxjax.evaluation import figures
from voxjax.reporting import run_report

# For each text of the page: its contrast with what lies behind it, by the formula of WCAG 2.
CONTRASTS = """() => {
  const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = numbers(colour).map(channel);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const found = getComputedStyle(element).backgroundColor;
      if (numbers(found)[3] !== 0) return found;
    }
    return "rgb(255, 255, 255)";
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const text = walker.currentNode, element = text.parentElement;
    if (!text.data.trim() || !element.getClientRects().length) continue;
    const pair = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => b - a);
    found.push([(pair[0] + 0.05) / (pair[1] + 0.05), text.data.trim().slice(0, 40)]);
  }
  return found;
}"""
# Tables that are wider than their box, and words of headings and labels that are broken into lines.
CUT = """() => [...document.querySelectorAll(".table")]
  .filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)"""
BROKEN = """() => {
  const found = [];
  for (const cell of document.querySelectorAll("th, td, dt, h2, summary")) {
    const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      for (const word of walker.currentNode.data.matchAll(/[^\\s–-]+/g)) {
        const range = document.createRange();
        range.setStart(walker.currentNode, word.index);
        range.setEnd(walker.currentNode, word.index + word[0].length);
        if (new Set([...range.getClientRects()].map(box => Math.round(box.top))).size > 1) found.push(word[0]);
      }
    }
  }
  return found;
}"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report with every kind of table and eight labels."""
    folder = tmp_path_factory.mktemp("report")
    given = run(thresholds=np.tile([0.4, 0.6, np.nan], (120, 1)))
    found = figures.measure(given)
    row = {"kind": "telephone", "strength": "300 to 3,400 Hz", "n": 120, "uar_drop": 0.0, "accuracy_drop": 0.1}
    row |= {"uar": 0.6, "uar_ci": [0.5, 0.7], "accuracy": 0.6, "accuracy_ci": [0.5, 0.7]}
    found["robustness"] = [row]
    found["warnings"] = ["The corpus is synthetic: these figures say nothing about people."]
    found["per_class"] |= {"surprised": found["per_class"]["sad"]}
    found["recall_ci"]["surprised"] = found["precision_ci"]["surprised"] = [0.5, 1.0]
    (folder / "report.html").write_text(
        run_report.page(found, run_report.draw(given, found, *figures.probabilities(given)), given.meta["config"])
    )
    return folder / "report.html"


@pytest.fixture(params=[(390, "light"), (390, "dark"), (900, "light"), (1400, "dark")], ids=str)
def page(request, browser, report):
    width, scheme = request.param
    found = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    found.goto(f"file://{report}")
    yield found
    found.close()


def test_nothing_is_cut_off_or_broken_and_texts_are_legible(page):
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert page.evaluate(CUT) == []
    assert page.evaluate(BROKEN) == []
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 100 and [one for one in contrasts if one[0] < 4.5] == []


def test_dark_pages_have_dark_plots_and_terms_open_by_the_keyboard(browser, report):
    page = browser.new_page(viewport={"width": 390, "height": 900}, color_scheme="dark")
    page.goto(f"file://{report}")
    assert "invert" in page.locator("img.plot").first.evaluate("one => getComputedStyle(one).filter")
    definition = page.get_by_text("unweighted average recall: the fraction").first
    assert not definition.is_visible()
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert definition.is_visible()
    wide = page.locator("figure", has=page.locator("img.confusion"))  # legible: it scrolls in its own box
    assert wide.evaluate("one => one.scrollWidth > one.clientWidth && one.tabIndex === 0")
    page.close()
