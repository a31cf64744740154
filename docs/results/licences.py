"""Licences of everything that VoxJAX installs, from the metadata of the installed packages.

python docs/results/licences.py docs/results/licences.json docs/licences.md

It writes the table of the page as well. Run it where `pip install '.[EXTRAS]'` was run; what is not installed is
listed as missing. Extras for tests, fuzzing, benchmarks and the manual are left out: users do not install them.
"""

import configparser
import importlib.metadata
import json
import pathlib
import re
import sys

from packaging.requirements import Requirement

from voxjax.storage.provenance import provenance

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEVELOPMENT = ("test", "docs", "fuzz", "bench")
# In a licence file, for packages whose metadata names none.
TEXTS = {
    "Permission is hereby granted, free of charge": "MIT",
    "Apache License": "Apache-2.0",
    "Redistribution and use in source and binary forms": "BSD",
}


def requirements():
    """Direct requirements: their text, by the extra that names them; "" is the core."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lists = {"": setup["options"]["install_requires"], **setup["options.extras_require"]}
    return {extra: text.split("\n") for extra, text in lists.items() if extra not in DEVELOPMENT}


def normal(name):
    """A package's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licence(metadata, files):
    """The licence as SPDX expression, text or classifier; empty if the package names none."""
    classifiers = [
        one.rpartition(" :: ")[2] for one in metadata.get_all("Classifier") or () if one.startswith("License")
    ]
    named = metadata.get("License-Expression") or ", ".join(c for c in classifiers if c != "OSI Approved")
    named = named or (metadata.get("License") or "").strip().split("\n")[0]
    if named:
        return named
    for path in files or ():
        if re.search(r"licen[cs]e|copying", path.name, re.IGNORECASE) and path.locate().is_file():
            head = path.read_text(encoding="utf-8")[:600]
            return next((short for text, short in TEXTS.items() if text in head), "")
    return ""


def closure(wanted):
    """Everything that requirements bring, by name: version, licence and the extras that bring it."""
    rows = {}

    def add(text, extra, own_extras=("",)):
        requirement = Requirement(text)
        if requirement.marker and not any(requirement.marker.evaluate({"extra": own}) for own in own_extras):
            return
        name = normal(requirement.name)
        row = rows.setdefault(name, {"version": None, "licence": "", "brought_by": [], "extras": set()})
        fresh = set(requirement.extras) - row["extras"]
        if extra in row["brought_by"] and not fresh:
            return
        row["extras"] |= fresh
        row["brought_by"] = sorted({*row["brought_by"], extra})
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            return
        row |= {"version": found.version, "licence": licence(found.metadata, found.files)}
        for inner in found.requires or ():
            add(inner, extra, ("", *requirement.extras))

    for extra, texts in wanted.items():
        for text in filter(None, texts):
            add(text, extra or "core")
    return {name: {key: row[key] for key in ("version", "licence", "brought_by")} for name, row in sorted(rows.items())}


def table(rows):
    """The rows of the page: a licence, and the packages under it."""
    by_licence = {}
    for name, row in rows.items():
        by_licence.setdefault(row["licence"], []).append(name)
    ordered = sorted(by_licence.items(), key=lambda item: (-len(item[1]), item[0]))
    lines = [f"| {licence} | {len(names)} | {', '.join(names)} |" for licence, names in ordered]
    return "\n".join(["| licence, as the package names it | packages | |", "|---|---|---|", *lines]) + "\n"


def main(target, page):
    rows = closure(requirements())
    missing = [name for name, row in rows.items() if row["version"] is None]
    unknown = [name for name, row in rows.items() if row["version"] and not row["licence"]]
    result = {**provenance(), "packages": rows, "not_installed": missing, "without_a_licence": unknown}
    pathlib.Path(target).write_text(json.dumps(result, indent=1) + "\n")
    path = pathlib.Path(page)
    before, _, _ = path.read_text().partition("| licence")
    path.write_text(before + table(rows))
    print(f"{len(rows)} packages, {len(missing)} not installed, {len(unknown)} without a licence")


if __name__ == "__main__":
    main(*sys.argv[1:])
