"""Starts the page's server, and the options that it always runs with."""

import socket
import sys
from pathlib import Path
from typing import Any

from voxjax.deploy.page.settings import PageSettings
from voxjax.errors import VoxJaxError, mismatch

# As `.streamlit/config.toml` has them for `streamlit run scripts/app.py`.
OPTIONS: dict[str, Any] = {
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",  # a visitor gets no trace
    "client.showErrorLinks": False,
    "client.toolbarMode": "viewer",
    "server.address": "127.0.0.1",
    "server.disconnectedSessionTTL": 10,  # seconds after which what a visitor left is forgotten
    "server.fileWatcherType": "none",
    "server.maxUploadSize": PageSettings().max_megabytes,
    "server.showEmailPrompt": False,
    "theme.headingFontSizes": ["2rem", "1.6rem", "1.4rem", "1.2rem", "1.1rem", "1rem"],
    "theme.paddingTop": "2rem",
    "theme.light.primaryColor": "#0b5cad",  # contrast of 4.5 and more with its background
    "theme.light.textColor": "#1b1f24",
    "theme.dark.primaryColor": "#1f6fc4",
    "theme.dark.linkColor": "#7ab8ff",
    "theme.light.linkColor": "#0b5cad",
}


def run(settings: PageSettings, host: str, port: int, browser: bool) -> None:
    """Serves the page until it is interrupted.

    Args:
        settings: of the page.
        host: address to listen on.
        port: to listen on; 0 for a free one.
        browser: whether a browser is opened.

    Raises:
        VoxJaxError: where the address can't be listened on.
    """
    from streamlit.web import bootstrap

    options = {
        **OPTIONS,
        "server.address": host,
        "server.port": free_port(host, port),
        "server.headless": not browser,
        "server.maxUploadSize": settings.max_megabytes,
    }
    script = str(Path(__file__).with_name("main.py"))
    named = {name.replace(".", "_"): value for name, value in options.items()}
    bootstrap.load_config_options(flag_options=named)
    bootstrap.prepare_streamlit_environment(script)
    bootstrap.run(script, False, settings.arguments(), named)


def free_port(host: str, port: int) -> int:
    """The port, or a free one for 0.

    Raises:
        VoxJaxError: where the address can't be listened on.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((host, port))
            return int(one.getsockname()[1])
    except OSError as error:
        found = (error.strerror or str(error)).lower()
        do = "choose another --host or --port"
        raise VoxJaxError(mismatch(f"{host}:{port}", "an address to listen on", found, do)) from error


def is_inside_streamlit() -> bool:
    """Whether Streamlit runs this script, as `streamlit run scripts/app.py` does."""
    if "streamlit" not in sys.modules:
        return False
    from streamlit import runtime

    return runtime.exists()
