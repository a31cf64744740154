"""The page behind a real server and a real headless Chromium, for all its tests.

`page_url` is the server's address, `new_page` opens a visitor's page in a browser profile of its own.
"""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PATIENCE_MS = 30_000.0


@pytest.fixture(scope="session")
def page_home(tmp_path_factory):
    """The folder that the server has as home, current and temporary folder; it should stay empty."""
    return tmp_path_factory.mktemp("page-home")


@pytest.fixture(scope="session")
def page_url(page_home):
    """The address of a running page with two models, small limits and one process for all tests."""
    models = [f"--model={ROOT / 'checkpoints' / name}" for name in ("optimized", "whisper_statistics")]
    limits = ["--max_megabytes=1", "--max_minutes=0.5", "--max_files=3"]
    command = [sys.executable, "-m", "voxjax", "app", "--port=0", "--nobrowser", *models, *limits]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(page_home), "TMPDIR": str(page_home)}
    process = subprocess.Popen(
        command, cwd=page_home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                yield found[0]
                break
        else:
            pytest.fail(f"the page did not start: {''.join(lines)}")
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture
def new_page(browser, page_url):
    """A function that opens the page as a new visitor; its keywords are Playwright's for a browser context."""
    contexts = []

    def opened(**options):
        context = browser.new_context(**{"viewport": {"width": 1_400, "height": 1_000}, **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(page_url)
        page.get_by_role("tab", name="Recordings").wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
