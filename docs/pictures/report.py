"""Makes the picture of a report in the README with a headless Chromium.

python docs/pictures/report.py RUN/report/report.html OUT.png

Needs `pip install '.[test]'` and Chromium.
"""

import sys
from pathlib import Path

import chromium
from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1_000, 1_150  # pixels


def main() -> None:
    report, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    with sync_playwright() as playwright:
        browser = chromium.launched(playwright)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(report.as_uri())
        chromium.save(page, out)
        browser.close()


if __name__ == "__main__":
    main()
