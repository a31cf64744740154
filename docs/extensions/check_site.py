"""Checks a built site: internal links lead to files and anchors, and nothing is loaded from elsewhere.

python docs/extensions/check_site.py OUT
"""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

_LOADED = {"script": "src", "img": "src", "source": "src", "link": "href", "iframe": "src"}  # fetched by the browser


class Link(NamedTuple):
    """An address that a page names, and whether the browser loads it by itself."""

    address: str
    loaded: bool


class Page(HTMLParser):
    """The links and anchors of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[Link] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.anchors |= {value for key in ("id", "name") if (value := known.get(key))}
        address = known.get("href" if tag == "a" else _LOADED.get(tag, ""))
        is_meta = tag == "link" and known.get("rel") in ("canonical", "prefetch")
        if address and not is_meta:
            self.links.append(Link(address, tag in _LOADED))


def problems(site: Path) -> Iterator[str]:
    """One line for each link that leads nowhere and for each thing that is loaded from elsewhere."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    if not pages:
        yield f"{site}: expected pages, found none; build the site first"
    for path, page in pages.items():
        for address, loaded in page.links:
            parts = urlsplit(address)
            where = f"{path.relative_to(site)}: {address}"
            if parts.scheme or parts.netloc:
                if loaded and parts.scheme != "data":
                    yield f"{where}: is loaded from elsewhere"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file() or not target.is_relative_to(site.resolve()):
                yield f"{where}: no such file"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{where}: no such anchor"


def main() -> None:
    """Prints the problems; exit code 1 where there are any."""
    site = Path(sys.argv[1]).resolve()
    found = list(problems(site))
    print("\n".join(found) or f"{len(list(site.rglob('*.html')))} pages, all links lead somewhere")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
