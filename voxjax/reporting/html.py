"""HTML pages from the Jinja templates in `templates/`: self-contained, with every value escaped."""

import base64
import functools
from typing import Any

import jinja2

from voxjax.reporting import terms


def render(template: str, **values: Any) -> str:
    """A page as text: one HTML file that loads nothing from the network.

    Args:
        template: name of a file in `templates/`.
        values: what the template refers to. Strings are escaped; bytes of PNG files go through the filter `data_uri`.

    Raises:
        jinja2.UndefinedError: if the template refers to a value that is missing.
    """
    return _environment().get_template(template).render(values)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("voxjax.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "plural": plural,
        "listed": listed,
        "duration": duration,
        "data_uri": data_uri,
        "definition": terms.TERMS.__getitem__,
    }
    return environment


def percent(fraction: float | None, digits: int = 1) -> str:
    """A fraction as "71.2%"; a dash where it was not measured."""
    return "–" if fraction is None else f"{fraction:.{digits}%}"


def plural(n: int, noun: str) -> str:
    """A count as "3 clips", "1 clip"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def listed(value: Any) -> str:
    """A value as text; items of a list are separated by commas."""
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def duration(seconds: float | None) -> str:
    """A duration as "1 h 2 min" or "2 min 5 s"."""
    if seconds is None:
        return "not measured"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def data_uri(png: bytes) -> str:
    """The address of a PNG picture that holds the picture itself."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
