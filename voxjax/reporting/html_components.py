"""The parts that pages are made of: sections, tables, bars, pictures, all with their text escaped."""

import base64
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from voxjax.reporting import html_style


def page(title: str, body: str) -> str:
    """A whole page that asks nothing of the net; `title` is text, `body` HTML."""
    return html_style.PAGE.substitute(title=escape(title), style=html_style.CSS, body=body)


def section(title: str, *parts: str) -> str:
    """A titled section of HTML parts; empty ones may be among them."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def beside(style: str, left: str, right: str) -> str:
    """Two parts side by side, where the window is wide enough."""
    return f'<div class="beside {style}">{left}{right}</div>'


def picture(data: bytes, name: str, caption: str) -> str:
    """A PNG within the page, with words beneath."""
    image = f'<img alt="{escape(name)}" src="data:image/png;base64,{base64.b64encode(data).decode()}">'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"


def definitions(facts: Mapping[str, Any], style: str = "facts") -> str:
    """Facts by name, as text."""
    pairs = (f"<dt>{escape(k)}</dt><dd>{escape(str(v))}</dd>" for k, v in facts.items())
    return f'<dl class="{style}">{"".join(pairs)}</dl>'


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are HTML already."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def bar(share: float | None) -> str:
    """A share in words and as a bar; a dash where there was nothing to measure."""
    if share is None:
        return "&ndash;"
    return f'<span class="bar"><i style="width:{share:.1%}"></i></span>{percent(share)}'


def percent(share: float) -> str:
    """As "71.2%"."""
    return f"{share:.1%}"


def count(n: int, noun: str) -> str:
    """As "3 clips", "1 clip"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def listed(value: Any) -> str:
    """A value as text, lists with commas."""
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
