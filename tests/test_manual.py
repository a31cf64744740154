"""The manual: all pages are in its contents, its extensions say what the code says, broken links are found."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from voxjax.config import Config, TrainConfig
from voxjax.train.step import Sums

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module", autouse=True)
def extensions():
    """The modules of docs/extensions can be imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs/extensions"))
        yield


def test_every_page_is_in_the_contents_once():
    contents = re.findall(r"```\{toctree\}\n.*?\n\n(.*?)\n```", (ROOT / "docs/index.md").read_text(), re.S)
    named = [name for group in contents for name in group.split()]
    pages = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert len(contents) == 4
    assert sorted(named) == sorted(pages - {"index"})


def site(folder, **pages):
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<html><body>{body}</body></html>")
    return folder


def test_a_whole_site_has_no_problems(tmp_path):
    import check_site

    links = '<a href="b.html#here">b</a> <a href="#top">up</a> <a href="https://example.org/x">elsewhere</a>'
    site(tmp_path, a=f'<h1 id="top">a</h1>{links}', b='<p id="here"></p>')
    assert list(check_site.problems(tmp_path)) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="c.html">c</a>', "a.html: c.html: no such file"),
        ('<a href="b.html#there">b</a>', "a.html: b.html#there: no such anchor"),
        ('<a href="#there">here</a>', "a.html: #there: no such anchor"),
        ('<img src="picture.png">', "a.html: picture.png: no such file"),
        ('<a href="../outside.html">x</a>', "a.html: ../outside.html: no such file"),
        (
            '<script src="https://example.org/x.js"></script>',
            "a.html: https://example.org/x.js: is loaded from elsewhere",
        ),
        ('<link rel="stylesheet" href="//example.org/x.css">', "a.html: //example.org/x.css: is loaded from elsewhere"),
    ],
)
def test_a_broken_link_is_found(tmp_path, body, problem):
    import check_site

    (tmp_path / "site").mkdir()
    (tmp_path / "outside.html").write_text("")
    assert list(check_site.problems(site(tmp_path / "site", a=body, b=""))) == [problem]


def test_a_site_without_pages_is_a_problem(tmp_path):
    import check_site

    assert len(list(check_site.problems(tmp_path))) == 1


def test_fields_have_the_defaults_ranges_and_comments_of_their_class():
    pytest.importorskip("sphinx")
    import fields

    found = {one.name: one for one in fields.fields(TrainConfig)}
    assert list(found) == list(TrainConfig.__dataclass_fields__)
    assert found["valid_fraction"][1:] == (
        "float",
        "0.1",
        "0.01 to 0.5",
        "of the training clips, held out for validation",
    )
    assert found["precision"].allowed == "float32, bfloat16"
    assert found["crop_s"].comment.startswith("A step takes a random crop")  # stands above the field
    assert {one.name: one.default for one in fields.fields(Config)}["hyper"] == "Hyper()"
    assert [one.name for one in fields.fields(Sums)] == list(Sums._fields)
    for name, one in found.items():
        assert str(getattr(TrainConfig(), name)) == one.default, name


def test_the_reference_takes_modules_with_public_names():
    pytest.importorskip("sphinx")
    import reference_pages

    found = reference_pages.modules("voxjax.models")
    assert "voxjax.models.baseline" in found and "voxjax.models" in found
    assert reference_pages.modules("voxjax.losses") == ["voxjax.losses"]
    assert "voxjax.modalities.names" not in reference_pages.modules("voxjax.modalities")
    with pytest.raises(ValueError, match=r"voxjax\.missing"):
        reference_pages.modules("voxjax.missing")


def test_flags_are_those_of_the_help():
    """In a process of its own, as absl has one table of flags for all."""
    pytest.importorskip("sphinx")
    print_sections = "import command_flags; print(*command_flags.section('train'), *command_flags.section('predict'))"
    places = os.pathsep.join([str(ROOT), str(ROOT / "docs/extensions")])
    environment = {**os.environ, "PYTHONPATH": places, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", print_sections]
    text = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    train, predict = text.split("## voxjax predict")
    assert train.startswith("## voxjax train") and "usage:" not in text
    assert "--resume" in train and "--resume" not in predict and "--format=" in predict


def test_a_link_to_the_repository_leads_to_a_page_of_the_site():
    pytest.importorskip("sphinx")
    import repository_files as links

    step = links.file(ROOT / "docs/design.md", "../voxjax/train/step.py")
    assert links.address(step) == "files/voxjax/train/step.py.html"
    assert links.address(ROOT / "docs/results/service.json") == "files/docs/results/service.json"
    assert links.page_of_manual(links.file(ROOT / "docs/commands.md", "../CHANGELOG.md")) == "changelog"
    assert links.page_of_manual(links.file(ROOT / "docs/commands.md", "evaluation.md")) == "evaluation"
    assert links.file(ROOT / "docs/commands.md", "missing.py") is None


def test_figures_of_the_explanations_are_those_of_the_results():
    def percent(value):
        return f"{100 * value:.1f} %"

    def text(page):
        return " ".join((ROOT / "docs" / page).read_text().split())

    results = {path.stem: json.loads(path.read_text()) for path in (ROOT / "docs/results").glob("*.json")}
    kinds = ("with a leak", "on other clips of the same people", "on people who were never trained on")
    for name, kind in zip(("guide", "random5", "speaker5"), kinds, strict=True):
        assert f"{percent(results[f'optimized_{name}']['accuracy'])} {kind}" in text("protocols.md")
    found = results["whisper_discriminant_speaker5"]
    before, after = percent(found["ece"]), percent(found["ece_calibrated"])
    assert f"it is {before} before and {after} after" in text("calibration.md")
    accuracy = {round(100 * row["coverage"]): f"{100 * row['accuracy']:.0f} % right" for row in found["coverage"]}
    assert f"All answers: {accuracy[100]}. The most certain half: {accuracy[50]}" in text("calibration.md")
    [telephone] = [row["all"] for row in results["domain_shift"] if row["kind"] == "telephone"]
    right, gap = round(100 * telephone["accuracy"]), round(100 * telephone["ece"])
    assert f"is right for {right} of 100 clips, and off by {gap} points" in text("calibration.md")


def test_terms_are_those_of_the_glossary_and_found_as_whole_words():
    pytest.importorskip("sphinx")
    import glossary_links as links

    headings = re.findall(r"^## (.*)$", (ROOT / "docs/glossary.md").read_text(), re.M)
    assert headings == sorted(headings, key=str.lower)
    assert {*links.TERMS.values()} <= {heading.lower().replace(" ", "-") for heading in headings}
    assert links.first_mention("mean UAR, and ECE", ["ECE", "UAR"])[0] == "UAR"
    assert links.first_mention("UARs and my-UAR", ["UAR"]) is None and links.first_mention("UAR", []) is None


def test_no_line_is_a_comment_to_sphinx():
    """A line that begins with a percent sign is shown on GitHub, and left out of the site."""
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
    code = re.compile(r"```.*?```", re.S)
    found = [path.name for path in pages if re.search(r"^ *%", code.sub("", path.read_text()), re.M)]
    assert found == []
