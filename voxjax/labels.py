"""The emotions, in the order every array of classes follows, and what each becomes in sets that corpora share."""

import collections.abc

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")

# Other words for the same label, as users and papers write them; a label of its own (boredom) stays its own.
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

# What a label becomes in each shared set. One without a row (boredom, frustrated, other) is left out.
SETS = {"four": _FOUR, "six": _SIX, "seven": {**_SIX, "surprised": "surprised"}}


def ordered(names: collections.abc.Iterable[str]) -> tuple[str, ...]:
    """The distinct names: known emotions in the order of `EMOTIONS`, then all others by alphabet."""
    rank = {name: i for i, name in enumerate(EMOTIONS)}
    return tuple(sorted(set(names), key=lambda name: (rank.get(name, len(rank)), name)))


def common(name: str) -> str:
    """The word that is used here for a label: lower case, and the synonym's common form."""
    plain = name.strip().lower().replace(" ", "_")
    return SYNONYMS[plain] if plain in SYNONYMS else plain
