"""Runs the long commands of the documentation on a few clips, and writes what came of them.

python docs/results/doc_commands.py [--all]

Without --all, only commands that docs/results/doc_commands.json lacks or has with another text. VOXJAX_WEIGHTS names
the folder of the encoders. The rules are in tests/doc_commands/rules.py: corpora are stand-ins of a few synthetic clips
in the real layout, training has one epoch on short clips, networks are smaller, folds and members are computed in turn,
and XLA compiles with its quickest settings. A test fails where a page has a long command that is not in the file.
"""

import concurrent.futures
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests import conftest, zygote  # noqa: E402
from tests.doc_commands import folder, pages, rules, running  # noqa: E402
from voxjax.storage.provenance import provenance  # noqa: E402

WORKERS = 4  # commands at once
TARGET = ROOT / "docs/results/doc_commands.json"


def known() -> dict[str, dict]:
    """The rows of the file by their command."""
    return {row["command"]: row for row in json.loads(TARGET.read_text())["rows"]} if TARGET.exists() else {}


def commit() -> str:
    """The last commit that changed the code, with "-dirty" where it has been changed since."""
    code = ["--", "voxjax", "scripts", "configs"]
    last = subprocess.run(["git", "log", "-1", "--abbrev=12", "--format=%h", *code], capture_output=True, text=True)
    changed = subprocess.run(["git", "status", "--porcelain", *code], capture_output=True, text=True)
    return (last.stdout.strip() or "unknown") + ("-dirty" if changed.stdout else "")


def write(rows: dict[str, dict]) -> None:
    """Writes the rows, sorted by page, and provenance."""
    ordered = sorted(rows.values(), key=lambda row: (row["page"], row["command"]))
    head = {name: value for name, value in provenance().items() if name != "commit"}
    text = json.dumps(head | {"rows": ordered}, indent=1, ensure_ascii=False)
    TARGET.with_suffix(".new").write_text(text + "\n")
    TARGET.with_suffix(".new").replace(TARGET)


def shared(block: pages.Block) -> str:
    """The key of a block's folder: its own, or that of its page where it needs what an earlier block left."""
    return block.page if "physio" in block.text or rules.needs_long(block.text) else block.place


def ran(text: str, block: pages.Block, work: running.Workplace, at: Path) -> running.Outcome:
    """Runs a command in its scaled form, or a block of Python."""
    if block.language == "python":
        return work.python(block, at)
    folder.remove_workdir(at, text)
    return work.shell(rules.scaled(text), at)


def main() -> int:
    """Runs what is missing; returns how many failed."""
    wanted, rows = rules.recorded(pages.blocks()), known()
    rows = {text: row for text, row in rows.items() if text in wanted}
    fresh = [text for text in wanted if "--all" in sys.argv or not rules.is_recorded(text, wanted[text], rows)]
    together = {shared(wanted[text]) for text in fresh}  # what a command needs may be left by another of its folder
    fresh = [text for text in wanted if shared(wanted[text]) in together]
    print(f"{len(wanted)} long commands, of which {len(fresh)} run now", flush=True)
    write(rows)
    groups: dict[str, list[str]] = {}
    for text in fresh:
        groups.setdefault(shared(wanted[text]), []).append(text)
    lock = threading.Lock()

    def group(texts: list[str]) -> None:
        """Runs the commands of one folder."""
        with lock:
            at = work.folder("\n".join([*(wanted[text].text for text in texts), "DATA"]))
        folder.long_inputs(at, "\n".join(wanted[text].text for text in texts))
        for text in texts:
            block, outcome = wanted[text], ran(text, wanted[text], work, at)
            print(f"{block.place}: exit code {outcome.code}, {outcome.seconds:.0f} s: {text[:100]}", flush=True)
            if outcome.code:
                print(outcome.output[-2000:], flush=True)
            row = {"page": block.page, "command": text, "ran": rules.form(text, block)}
            row |= {"exit_code": outcome.code, "seconds": round(outcome.seconds, 1), "commit": commit()}
            with lock:
                rows[text] = row
                write(rows)

    with contextlib.ExitStack() as stack:
        root, weights = Path(stack.enter_context(tempfile.TemporaryDirectory())), os.environ.get("VOXJAX_WEIGHTS")
        environment = dict(os.environ) | {"VOXJAX_CACHE": str(root / "cache"), "XLA_FLAGS": conftest.QUICK_FLAGS}
        base = folder.make(root / "base", Path(weights).resolve() if weights else None)
        address = stack.enter_context(zygote.forking(root, environment))
        work = running.Workplace(root, base, environment, address, limit_s=3_600.0)
        folder.train(base, lambda text: work.shell(text, base))
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(group, groups.values()))
    return sum(rows[text]["exit_code"] != 0 for text in wanted)


if __name__ == "__main__":
    sys.exit(main() > 0)
