"""A headless Chromium for the pictures of the documentation, and its pages as small PNGs."""

import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, Playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
COLORS = 128  # of a picture, which keeps it small


def launched(playwright: Playwright) -> Browser:
    """The browser."""
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)


def save(page: Page, path: Path) -> None:
    """Saves what is in the window as a small PNG."""
    page.screenshot(path=path)
    Image.open(path).convert("RGB").quantize(COLORS).save(path, optimize=True)
    print(path, path.stat().st_size)
