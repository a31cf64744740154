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

_SEVEN = {**_SIX, "surprised": "surprised"}

# The name of each label in each shared set. Labels without a row (boredom, frustrated, other) are left out.
SETS = {"four": _FOUR, "six": _SIX, "seven": _SEVEN, "eight": {**_SEVEN, "calm": "calm"}}


# Columns of tables that also have one column per label; a label of such a name gets another column.
RESERVED_COLUMNS = (
    *("clip", "path", "start", "end", "start_s", "end_s", "duration_s", "corpus", "speaker", "gender", "protocol"),
    *("fold", "seed", "truth", "emotion", "predicted", "confidence", "correct", "rejected", "modalities", "model"),
    *("error", "warning", "warnings", "distance", "entropy", "disagreement"),
)


def label_columns(names: collections.abc.Sequence[str]) -> list[str]:
    """The column of each label in a table: its name, or `label_NAME` where the name is another column's."""
    return distinct_columns(names, RESERVED_COLUMNS, "label_")


def distinct_columns(
    names: collections.abc.Sequence[str], reserved: collections.abc.Collection[str], prefix: str
) -> list[str]:
    """A column for each of several distinct names: the name, with a prefix where it is reserved."""
    columns: list[str] = []
    for name in names:
        column = name
        while column in reserved or (column != name and column in names) or column in columns:
            column = f"{prefix}{column}"
        columns.append(column)
    return columns


def ordered(names: collections.abc.Iterable[str]) -> tuple[str, ...]:
    """The distinct names: known emotions in the order of `EMOTIONS`, then the rest in alphabetical order."""
    rank = {name: i for i, name in enumerate(EMOTIONS)}
    return tuple(sorted(set(names), key=lambda name: (rank.get(name, len(rank)), name)))


def common(name: str) -> str:
    """The common name of a label: in lower case, synonyms replaced."""
    plain = name.strip().lower().replace(" ", "_")
    return SYNONYMS[plain] if plain in SYNONYMS else plain
