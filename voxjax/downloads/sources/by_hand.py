"""Corpora that may not be fetched: who gives them, on what terms, and where they go."""

from typing import NamedTuple

from voxjax.errors import mismatch


class ByHand(NamedTuple):
    """Why a corpus is not fetched, and what its user does instead."""

    why: str
    how: str
    place: str  # below --data_dir


BY_HAND = {
    "savee": ByHand(
        "given after registration, for research alone",
        "register at http://kahlan.eps.surrey.ac.uk/savee/ and fetch AudioData.zip with the password that is mailed",
        "savee/DC/a01.wav …",
    ),
    "iemocap": ByHand(
        "given after a signed licence, for research alone",
        "ask at https://sail.usc.edu/iemocap/ for IEMOCAP_full_release",
        "iemocap/Session1 … Session5",
    ),
    "meld": ByHand(
        "cut from a television series whose sound may not be passed on",
        "read https://affective-meld.github.io/ and make sure that you may use it",
        "meld/train, dev, test, with the tables of https://github.com/declare-lab/MELD",
    ),
    "esd": ByHand(
        "given after a signed licence, for research alone",
        "ask at https://hltsingapore.github.io/ESD/",
        "esd/0001 … 0020",
    ),
    "folder": ByHand(
        "made of your own recordings",
        "make one subfolder a label and put its clips there",
        "folder/LABEL/SPEAKER/clip.wav",
    ),
    "csv": ByHand(
        "made of your own recordings",
        "list them in a table with the columns path and emotion",
        "csv/list.csv",
    ),
    "ravdess_song": ByHand(
        "a second archive of RAVDESS, which is seldom wanted",
        "fetch Audio_Song_Actors_01-24.zip from https://doi.org/10.5281/zenodo.1188976",
        "ravdess_song/Actor_01/03-02-…wav",
    ),
}


def instructions(name: str) -> str:
    """One line on how to get a corpus that is not fetched."""
    row = BY_HAND[name]
    return mismatch(
        name, "a corpus that anyone may fetch", f"one {row.why}", f"{row.how}; put it so that there is DIR/{row.place}"
    )
