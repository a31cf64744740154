"""Makes the picture of a report in the README with a headless Chromium.

python docs/pictures/report.py RUN/report/report.html OUT.png

Needs `pip install '.[test]'` and Chromium.
"""

import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
COLORS = 128  # of the picture, which keeps it small
WIDTH, HEIGHT = 1_000, 1_150  # pixels


def main() -> None:
    report, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(report.as_uri())
        page.screenshot(path=out)
        browser.close()
    Image.open(out).convert("RGB").quantize(COLORS).save(out, optimize=True)
    print(out, out.stat().st_size)


if __name__ == "__main__":
    main()
