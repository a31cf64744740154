"""Code, tests and pages use the terms of the field; private words that were replaced must not come back."""

import ast
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Old words in text, with the term that is used instead.
TEXT = {
    r"verdicts?|judge[sd]?|judging": "fold predictions, evaluation",
    r"standing": "state",
    r"heard|hears?|unheard": "training clips, unseen, takes, uses",
    r"told|tells": "reports, states, is given",
    r"advice": "learning-curve diagnostics",
    r"rescue[sd]?": "collapse recovery",
    r"disturb\w*": "corruption",
    r"seldom|likeliest|commonest|nought|wholly": "rarely, most probable, most frequent, 0, completely",
    r"at hand|stands for|whole or not at all": "present, is, atomically",
}
# Old words in names of variables, functions, classes, arguments and fields.
NAMES = (
    r"_?(views?|seen|shares?|sides?|courses?|standings?|verdicts?|judged?|others|pieces?|heard|sounds|advice|rescue"
    r"|refuse\w*|told|via|hide|warp|disturbed?|distinct_views|copying)"
)
# Where old words are quoted: older formats, renamed keys, a seed of the demo corpus, and the lists above.
QUOTED = {
    "voxjax/artifacts/migration.py",
    "voxjax/cli/renamed_keys.py",
    "voxjax/data/synthetic_modal.py",
    "tests/artifacts/test_model_folder.py",
    "tests/test_words.py",
}
CODE = ("voxjax/**/*.py", "scripts/*.py", "configs/*.py", "tests/**/*.py")
PAGES = ("docs/*.md", "*.md", "checkpoints/**/*.md")
METHODS = {"view"}  # of NumPy arrays


def files(*patterns):
    found = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return [path for path in found if str(path.relative_to(ROOT)) not in QUOTED]


def names(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Attribute) and node.attr not in METHODS:
            yield node.lineno, node.attr
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.lineno, node.name


def old_words(text):
    """The old words in a text, with the terms that are used instead."""
    for words, term in TEXT.items():
        for found in re.finditer(rf"\b({words})\b", text, re.IGNORECASE):
            yield f"line {text.count(chr(10), 0, found.start()) + 1}: '{found[0]}', say {term}"


def text_of(path):
    """The text of a file; of the changelog without its table of renames, which quotes old names."""
    text = path.read_text()
    return re.sub(r"^\|.*$", "", text, flags=re.MULTILINE) if path.name == "CHANGELOG.md" else text


def test_texts_use_the_terms_of_the_field():
    found = [f"{path.relative_to(ROOT)} {word}" for path in files(*CODE, *PAGES) for word in old_words(text_of(path))]
    assert found == []


def test_names_use_the_terms_of_the_field():
    old = re.compile(NAMES)
    found = [
        f"{path.relative_to(ROOT)} line {line}: {name}"
        for path in files(*CODE)
        for line, name in names(ast.parse(path.read_text()))
        if old.fullmatch(name) or any(old_words(name.replace("_", " ")))
    ]
    assert found == []


def test_an_old_word_is_found():
    assert list(old_words("x\nThe verdict is told.")) == [
        "line 2: 'verdict', say fold predictions, evaluation",
        "line 2: 'told', say reports, states, is given",
    ]
    assert [name for _, name in names(ast.parse("def f(view): others = x.shares")) if re.fullmatch(NAMES, name)] == [
        "view",
        "others",
        "shares",
    ]


def test_no_file_has_the_marks_of_an_unfinished_merge():
    kinds = ("html", "py", "md", "json", "toml", "cfg", "js", "css", "txt", "ipynb")
    patterns = (f"{place}*.{kind}" for kind in kinds for place in ("", "[!.]*/**/"))
    found = [path for pattern in patterns for path in ROOT.glob(pattern)]
    marks = re.compile(r"^(<{7} |>{7} |={7}$)", re.MULTILINE)
    assert [str(path.relative_to(ROOT)) for path in found if marks.search(path.read_text(errors="replace"))] == []
