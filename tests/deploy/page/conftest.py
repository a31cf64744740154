"""The page behind a real server and a real headless Chromium, for all its tests.

`page_url` is the server's address, `new_page` opens a visitor's page in a browser profile of its own.
"""

import contextlib
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
AUDIT = "VOXJAX_TESTS_AUDIT"  # the file of `page_audit`, for audited/sitecustomize.py
PATIENCE_MS = 60_000.0  # of a machine that does much else


@pytest.fixture(scope="session")
def page_home(tmp_path_factory):
    """The folder that the server has as home, current and temporary folder; it should stay empty."""
    return tmp_path_factory.mktemp("page-home")


@pytest.fixture(scope="session")
def page_audit(tmp_path_factory):
    """The file in which the server notes the addresses that it connects to and the names that it looks up."""
    return tmp_path_factory.mktemp("page-audit") / "connections.txt"


@pytest.fixture(scope="session")
def page_url(page_home, page_audit):
    """The address of a running page with two models, small limits and one process for all tests."""
    models = [f"--model={ROOT / 'checkpoints' / name}" for name in ("optimized", "whisper_statistics")]
    limits = ["--max_megabytes=1", "--max_minutes=0.5", "--max_files=3"]
    path = os.pathsep.join([str(pathlib.Path(__file__).with_name("audited")), str(ROOT)])
    own = {"PYTHONPATH": path, "HOME": str(page_home), "TMPDIR": str(page_home), AUDIT: str(page_audit)}
    with serving(page_home, own, *models, *limits) as url:
        yield url


@contextlib.contextmanager
def serving(folder, environment, *flags):
    """The address of a page that runs in a folder, with further variables of the environment."""
    command = [sys.executable, "-m", "voxjax", "app", "--port=0", "--nobrowser", *flags]
    variables = {**os.environ, **environment}
    process = subprocess.Popen(
        command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
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


@contextlib.contextmanager
def visits(browser, url):
    """A function that opens the page as a new visitor; its keywords are Playwright's for a browser context."""
    contexts = []
    pytest.importorskip("playwright.sync_api").expect.set_options(timeout=PATIENCE_MS)

    def opened(**options):
        context = browser.new_context(**{"viewport": {"width": 1_400, "height": 1_000}, **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(url)
        page.get_by_role("tab", name="Recordings").wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def new_page(browser, page_url):
    """A function that opens the page as a new visitor, as `visits`."""
    with visits(browser, page_url) as opened:
        yield opened


@pytest.fixture(scope="module")
def module_page(browser, page_url):
    """One visitor's page for the tests of a module."""
    with visits(browser, page_url) as opened:
        yield opened()
