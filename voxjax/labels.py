"""The emotions, in the order of classes in all arrays, and their labels in label sets shared by corpora."""

import collections.abc

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")

# Synonyms, as users and papers write them. Labels without a synonym (boredom) are unchanged.
SYNONYMS = {
    "anger": "angry",
    "joy": "happy",
    "happiness": "happy",
    "sadness": "sad",
    "fear": "fearful",
    "anxiety": "fearful",
    "disgusted": "disgust",
    "surprise": "surprised",
    "pleasant_surprise": "surprised",
    "ps": "surprised",
}

_FOUR = {
    "neutral": "neutral",
    "calm": "neutral",
    "happy": "happy",
    "excited": "happy",
    "sad": "sad",
    "angry": "angry",
}
_SIX = {**_FOUR, "fearful": "fearful", "disgust": "disgust"}

# The name of each label in each shared set. Labels without a row (boredom, frustrated, other) are left out.
SETS = {"four": _FOUR, "six": _SIX, "seven": {**_SIX, "surprised": "surprised"}}


def ordered(names: collections.abc.Iterable[str]) -> tuple[str, ...]:
    """The distinct names: known emotions in the order of `EMOTIONS`, then the rest in alphabetical order."""
    rank = {name: i for i, name in enumerate(EMOTIONS)}
    return tuple(sorted(set(names), key=lambda name: (rank.get(name, len(rank)), name)))


def common(name: str) -> str:
    """The common name of a label: in lower case, synonyms replaced."""
    plain = name.strip().lower().replace(" ", "_")
    return SYNONYMS[plain] if plain in SYNONYMS else plain
