"""The report of a corpus: the page, complete and escaped, its plots, and the other files."""

import csv
import json

import numpy as np
import soundfile

from tests.reporting.test_html import Reader
from tests.voices import write_folder
from voxjax.data import corpora, quality
from voxjax.reporting import corpus_report

HOSTILE = "<b>&x"


def test_the_three_files_agree(tmp_path):
    write_folder(tmp_path, labels=("angry", "calm"), takes=2, speakers=2)
    (tmp_path / "folder" / HOSTILE / "p").mkdir(parents=True)
    soundfile.write(tmp_path / "folder" / HOSTILE / "p/quiet.wav", np.full(16_000, 2e-4), 16_000)
    (tmp_path / "folder/calm/broken.wav").write_bytes(b"none")
    corpus = quality.read(corpora.load("folder", tmp_path, tmp_path), lambda done: None)
    found = quality.issues(corpus)
    corpus_report.write(tmp_path / "out", "folder", corpus, found)

    text = (tmp_path / "out/report.html").read_text()
    page = Reader(text)
    assert not page.open, "every tag is closed"
    assert HOSTILE not in text and "b" not in page.tags[2:6]
    links = [value for name, value in page.attributes if name in ("src", "href")]
    assert len(links) == 3 and all(link.startswith("data:image/png;base64,") for link in links)
    words = " ".join(page.words)
    for part in ("Data quality of folder: 10 clips", "can't be read", "without sound", "broken.wav", HOSTILE):
        assert part in words

    with (tmp_path / "out/issues.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["check"] for row in rows] == [one.check for one in found]
    figures = json.loads((tmp_path / "out/quality.json").read_text())
    assert sum(map(len, figures["issues"].values())) == len(rows) and figures["clips"] == 10


def test_an_unreadable_corpus_has_a_page_too(tmp_path):
    for label in ("a", "b"):
        (tmp_path / "folder" / label).mkdir(parents=True)
        (tmp_path / f"folder/{label}/x.wav").write_bytes(b"none")
    corpus = quality.read(corpora.load("folder", tmp_path, tmp_path), lambda done: None)
    corpus_report.write(tmp_path / "out", "folder", corpus, quality.issues(corpus))
    text = (tmp_path / "out/report.html").read_text()
    assert "<img" not in text and all(f"folder/{label}/x.wav" in text for label in "ab")
