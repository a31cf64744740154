"""Corpora that are not downloaded: their source, their terms, and where to put them."""

from typing import NamedTuple

from voxjax.errors import mismatch


class ByHand(NamedTuple):
    """Why a corpus is not downloaded, and what to do instead."""

    reason: str
    how: str
    path: str  # below --data_dir


BY_HAND = {
    "savee": ByHand(
        "given after registration, for research only",
        "register at http://kahlan.eps.surrey.ac.uk/savee/ and fetch AudioData.zip with the password from the e-mail",
        "savee/DC/a01.wav …",
    ),
    "iemocap": ByHand(
        "given after a signed licence, for research only",
        "ask at https://sail.usc.edu/iemocap/ for IEMOCAP_full_release",
        "iemocap/Session1 … Session5",
    ),
    "meld": ByHand(
        "cut from a television series, which may not be redistributed",
        "read https://affective-meld.github.io/ and make sure that you may use it",
        "meld/train, dev, test, with the tables of https://github.com/declare-lab/MELD",
    ),
    "esd": ByHand(
        "given after a signed licence, for research only",
        "ask at https://hltsingapore.github.io/ESD/",
        "esd/0001 … 0020",
    ),
    "folder": ByHand(
        "made of your own recordings",
        "make one subfolder per label and put its clips there",
        "folder/LABEL/SPEAKER/clip.wav",
    ),
    "csv": ByHand(
        "made of your own recordings",
        "list them in a table with the columns path and emotion",
        "csv/list.csv",
    ),
    "ravdess_song": ByHand(
        "a second archive of RAVDESS, which is rarely used",
        "fetch Audio_Song_Actors_01-24.zip from https://doi.org/10.5281/zenodo.1188976",
        "ravdess_song/Actor_01/03-02-…wav",
    ),
}


def instructions(name: str) -> str:
    """One line on how to get a corpus that is not downloaded."""
    row = BY_HAND[name]
    return mismatch(
        name,
        "a corpus that anyone may fetch",
        f"one {row.reason}",
        f"{row.how}; put it so that there is DIR/{row.path}",
    )
