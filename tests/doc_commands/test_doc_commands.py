"""Every command and code block of the documentation is run: here, or by docs/results/doc_commands.py.

README, CONTRIBUTING, the pages of docs and the cards are read, so a new page needs no line here.
"""

import contextlib
import csv
import io
import json
import os
import pathlib
import re
import shutil

import pytest

from tests import conftest, hub_server, zygote
from tests.doc_commands import folder, pages, rules, running
from voxjax.cli import main

ROOT = pages.ROOT
BLOCKS = pages.blocks()
NAMED = [block for block in BLOCKS if block.inline and rules.names_only(block.text)]
SHELL = pages.shell([block for block in BLOCKS if block not in NAMED])
LEVELS = {command.text: rules.level(command.text) for command in SHELL}
RECORD = ROOT / "docs/results/doc_commands.json"
RECORD_AGAIN = "run `python docs/results/doc_commands.py` and commit docs/results/doc_commands.json"
SELF = "tests/doc_commands/rules.py"


def recorded():
    """The rows of the record by their command."""
    return {row["command"]: row for row in json.loads(RECORD.read_text())["rows"]}


def runs_here(block):
    """Whether the tests run a block, or some commands of it."""
    if block.language == "python":
        exempt = (*rules.EXEMPT_PYTHON, *rules.NEEDS_LONG)
        return not any(re.search(pattern, block.text) for pattern in exempt)
    return block.language == "bash" and any(LEVELS.get(command.text) == "run" for command in pages.commands(block))


def once(blocks):
    """The blocks without those that have the text of an earlier one."""
    return list({block.text: block for block in reversed(blocks)}.values())[::-1]


RUN = once([block for block in BLOCKS if block not in NAMED and runs_here(block)])


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A prepared folder with a small trained run, and a process that forks for each command."""
    root = tmp_path_factory.mktemp("doc_commands")
    weights = os.environ.get("VOXJAX_WEIGHTS")
    base = folder.make(root / "base", pathlib.Path(weights).resolve() if weights else None)
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(hub_server.running())
        environment |= {"XLA_FLAGS": conftest.QUICK_FLAGS, "HF_ENDPOINT": hub.url, "HF_HOME": str(root / "hub")}
        address = stack.enter_context(zygote.forking(root, environment))
        place = stack.enter_context(running.Workplace(root, base, environment, address))
        folder.train(base, lambda text: place.shell(text, base))
        model = base / "run/model"
        hub.repositories["OWNER/NAME"] = {path.name: path.read_bytes() for path in model.iterdir()}
        yield place


@pytest.mark.parametrize("block", RUN, ids=lambda block: block.place)
def test_a_block_runs(work, block):
    for outcome in work.block(block, work.folder(block.text), lambda text: LEVELS[text] == "run"):
        expected = rules.exit_code(outcome.text)
        do = f"correct it, or give tests/doc_commands/folder.py the files it reads, or {SELF} a row"
        assert outcome.code == expected, f"{block.place}: `{outcome.text}` failed; {do}\n{outcome.output}"


def test_every_flag_and_config_value_exists(work):
    """Of all commands, those that are not run here included: the real parser reads them."""
    wrong = []
    for command in SHELL:
        if LEVELS[command.text] != "run":
            for call in rules.calls(command.text):
                outcome = work.parsed(call, work.base)
                if outcome.code:
                    wrong.append(f"{command.block.place}: `{command.text}`: {outcome.output}")
    assert wrong == []


def test_commands_and_flags_that_sentences_name_exist(work):
    texts = {name: work.parsed([name, "--help"], work.base).output for name in main.COMMANDS}
    wrong = []
    for block in NAMED:
        for call in filter(None, rules.calls(block.text)):
            name, flags = call[0], re.findall(r"--(\w+)", " ".join(call[1:]))
            text = "--help" if name == "NAME" or name.startswith("--") else texts[name] if name in texts else ""
            valued = "=" in block.text and "NAME" not in block.text
            bad = valued and all(work.parsed([*call, *further], work.base).code for further in ([], ["a.wav"]))
            if bad or not text or any(f"--{flag}" not in f"{text} --timeline" for flag in flags):
                wrong.append(f"{block.place}: `{block.text}` names a command or flag that does not exist")
    assert wrong == []


def test_the_record_is_of_the_commands_of_today_and_all_succeeded():
    rows, wanted = recorded(), rules.recorded(BLOCKS)
    assert rows.keys() <= wanted.keys(), f"commands that no page has any more; {RECORD_AGAIN}"
    failed = [text for text in rows if not rules.is_recorded(text, wanted[text], rows)]
    assert failed == [], f"they failed, or are scaled in another way now; {RECORD_AGAIN}"
    assert all("dirty" not in row["commit"] and row["commit"] != "unknown" for row in rows.values())


def test_every_command_has_a_rule():
    unknown = [f"{command.block.place}: {command.text}" for command in SHELL if LEVELS[command.text] == "unknown"]
    assert unknown == [], f"no rule says how these are tested: give {SELF} a row, in TOOLS or in EXEMPT"


@pytest.mark.parametrize("row", rules.EXEMPT, ids=lambda row: row.pattern)
def test_exceptions_are_needed_and_pass_their_check(row):
    found = [command for command in SHELL if rules.exempt(command.text) is row]
    assert found, "no page has such a command any more: remove the row"
    assert [(command.block.place, wrong) for command in found if (wrong := row.check(command.text))] == []


def test_tools_that_are_run_are_needed():
    assert [tool for tool in rules.TOOLS if not any(text.startswith(tool) for text in LEVELS)] == []


def test_blocks_name_their_language():
    """And blocks that are not run hold no commands."""
    wrong = [block.place for block in BLOCKS if block.language not in rules.LANGUAGES]
    assert wrong == [], f"write one of {', '.join(rules.LANGUAGES)} after the fence"
    hidden = [block.place for block in BLOCKS if block.language not in ("bash", "python")]
    assert [b.place for b in BLOCKS if b.place in hidden and pages.commands_in(b.text)] == [], "name them bash"


def test_python_that_is_not_run_compiles():
    exempt = [block for block in BLOCKS if block.language == "python" and not runs_here(block)]
    for block in exempt:
        compile(block.text, block.place, "exec")
    for pattern in rules.EXEMPT_PYTHON:
        assert any(re.search(pattern, block.text) for block in exempt), "no page has it any more: remove the row"


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.language in ("csv", "json")], ids=lambda block: block.place
)
def test_data_can_be_read(block):
    if block.language == "json":
        assert all(isinstance(json.loads(line), dict) for line in block.text.splitlines())
    else:
        head, *rows = csv.reader(io.StringIO(block.text))
        assert rows and all(len(row) == len(head) for row in rows)


def test_columns_of_statistics_programs_are_those_of_the_table(work):
    """R and SPSS are not there; their lines name the columns that `voxjax timeline --format=csv` writes."""
    at = work.folder("")
    assert work.shell("voxjax timeline interview.wav --format=csv --out=interviews.csv", at).code == 0
    columns = next(csv.reader((at / "interviews.csv").read_text().splitlines()))
    [r] = [block.text for block in BLOCKS if block.language == "r"]
    formula = re.findall(r"\((\w+) ~ (\w+) \+ (\w+)", r)
    assert formula and {*formula[0], *re.findall(r"\$(\w+)", r)} <= set(columns)
    [spss] = [block.text for block in BLOCKS if block.language == "spss"]
    declared = re.findall(r"(\w+) [AF][\d.]+", spss.partition("/VARIABLES=")[2])
    assert declared == columns


def test_the_parser_reads_all_kinds_of_blocks():
    text = "Say `voxjax predict\na.wav`:\n\n```{code-block} bash\n:caption: a\nvoxjax a \\\n  --b  # c\n```\n\n"
    text += "- in a list\n\n  ```python\n  x = 1\n  ```\n\n```{note}\nno code\n```\n~~~\nplain\n~~~\n"
    found = pages.of_page(text, "p.md")
    assert [(block.language, block.text, block.line) for block in found] == [
        ("bash", "voxjax predict a.wav", 1),
        ("bash", "voxjax a \\\n  --b  # c", 5),
        ("python", "x = 1", 13),
        ("", "plain", 20),
    ]
    assert [command.text for command in pages.commands(found[1])] == ["voxjax a --b"]


def test_a_mistyped_flag_key_corpus_or_code_is_found(work):
    """The tests above would fail on them."""
    for text in ("train --config.train.epoch=1", "predict a.wav --formt=csv", "train --config.corpus=ravdes"):
        assert work.parsed(text.split(), work.base).code == 2
    for language, text in (("python", "raise SystemExit(3)"), ("bash", "voxjax predict missing.wav")):
        [outcome] = work.block(pages.Block("p.md", 1, language, text), work.folder(text))
        assert outcome.code, text


def test_the_pages_are_there():
    """And none of them is read twice."""
    found = [str(path.relative_to(ROOT)) for path in pages.pages()]
    assert len(found) == len(set(found)) and {"README.md", "CONTRIBUTING.md", "docs/using.md"} <= set(found)
    assert shutil.which("bash")


def test_every_long_command_is_recorded():
    rows, wanted = recorded(), rules.recorded(BLOCKS)
    missing = [f"{block.place}: {text}" for text, block in wanted.items() if text not in rows]
    assert missing == [], f"new or changed long commands; {RECORD_AGAIN}"
