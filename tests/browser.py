"""A headless Chromium for tests of pages: one for all tests of a module."""

import os
import shutil

import pytest

NEEDED = "VOXJAX_TESTS_CHROMIUM"  # set where a browser must be there, as in CI
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # beeps
    "--use-fake-ui-for-media-stream",
)


def missing(what):
    """Skips, or fails where a browser must be there."""
    if NEEDED in os.environ:
        pytest.fail(f"{what}, and {NEEDED} is set")
    pytest.skip(what)


@pytest.fixture(scope="module")  # an event loop runs in this thread meanwhile: other modules may want their own
def browser():
    """A headless Chromium."""
    path = shutil.which("chromium")
    if path is None:
        missing("no Chromium: apt-get install chromium")
    from playwright import sync_api

    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=[*FLAGS, "--no-sandbox"])
        yield found
        found.close()
