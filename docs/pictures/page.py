"""Makes the pictures of docs/page.md with a headless Chromium.

python docs/pictures/page.py interview.wav OUT

interview.wav is a recording, as docs/pictures/interview.py makes one. OUT gets page.png (1400 pixels wide),
page_dark.png (the comparison of two models) and page_narrow.png (390 pixels). Needs `pip install '.[test]'` and
Chromium.
"""

import re
import subprocess
import sys
from pathlib import Path

import chromium
from playwright.sync_api import Browser, Page, sync_playwright

COMMAND = [sys.executable, "-m", "voxjax", "app", "--port=0", "--nobrowser"]
PLAYED_S = 11.6  # where the cursor is


def opened(browser: Browser, url: str, recording: str, width: int, height: int, scheme: str) -> Page:
    """The page with the answer to a recording."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(url)
    page.locator("input[type=file]").first.set_input_files(recording)
    page.get_by_text("with a confidence of").first.wait_for(timeout=120_000)
    settle(page)
    page.locator("audio").first.evaluate(f"one => one.currentTime = {PLAYED_S}")
    return page


def settle(page: Page) -> None:
    """Waits until the script has run and all is drawn."""
    page.wait_for_function("document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'")
    page.wait_for_timeout(2_000)


def save(page: Page, path: Path) -> None:
    """Saves what is in the window, when all is drawn."""
    page.wait_for_timeout(500)
    chromium.save(page, path)


def main() -> None:
    recording, out = sys.argv[1], Path(sys.argv[2])
    server = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url = next(found[0] for line in server.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
    try:
        with sync_playwright() as playwright:
            browser = chromium.launched(playwright)
            page = opened(browser, url, recording, 1_400, 1_330, "light")
            save(page, out / "page.png")
            page = opened(browser, url, recording, 390, 1_560, "light")
            save(page, out / "page_narrow.png")
            page = opened(browser, url, recording, 1_400, 2_200, "dark")
            field = page.get_by_role("combobox", name="Models")
            field.press_sequentially("whisper_robust")
            field.press("Enter")
            field.press("Tab")
            page.get_by_text("Timeline by whisper_robust").wait_for(timeout=120_000)
            settle(page)
            save(page, out / "page_dark.png")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
