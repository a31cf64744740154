"""Synthetic words, faces and physiology for the synthetic voice: each modality distinguishes some emotions only.

The voice distinguishes high from low arousal, the words positive from negative valence, the face angry from fearful,
physiology sad from disgust. No single modality identifies more than half of the classes; together they identify most.
Signals are modelled on real ones (brow lowerer and lip tightener in anger, brow raiser and lip stretcher in fear; a
slower heart and more sweat in disgust: Ekman and Friesen 1978; Kreibig 2010), but they are no model of people: results
on them do not transfer to people.
"""

import dataclasses
import zlib

import numpy as np
from jaxtyping import Float, Float32

from voxjax.data import synthetic

TAKES = 4
EMOTIONS = ("calm", "happy", "sad", "angry", "fearful", "disgust")
UNITS = ("AU01_r", "AU02_r", "AU04_r", "AU06_r", "AU12_r", "AU20_r", "AU23_r", "AU45_r")
SIGNALS = ("heart_rate", "skin_conductance")
MISSING = 0.2  # probability that a take has no words, no face, no physiology; independently
MISLEADING = 0.08  # probability that a modality follows a random emotion

_HIGH_AROUSAL = ("happy", "angry", "fearful")
_PLEASANT = ("calm", "happy")
_FACE_HZ, _BODY_HZ = 10.0, 4.0
_SERIES_S = 3.0  # longer than any clip

SPEAKERS = tuple(
    synthetic.Speaker(
        f"person_{i + 1:02d}",
        "female" if i % 2 else "male",
        pitch_hz=(200.0 if i % 2 else 108.0) + 4.0 * (i % 5),
        tract=(1.15 if i % 2 else 1.0) + 0.01 * (i % 4),
        rate=0.94 + 0.02 * (i % 7),
    )
    for i in range(12)
)

_WORDS = {
    "pleasant": (
        "This is wonderful news",
        "I love this garden",
        "What a beautiful morning",
        "We are so glad you came",
        "Everything turned out well",
        "I had a lovely time with my friends",
        "Thank you, that is very kind",
        "The holidays were perfect",
        "I am proud of what we did",
        "That was a delicious dinner",
    ),
    "unpleasant": (
        "This is terrible",
        "I lost everything I had",
        "Something is wrong here",
        "They ruined the whole evening",
        "I can't stand this any longer",
        "The accident was awful",
        "Nobody came to help us",
        "It hurts and it will not stop",
        "You broke your promise again",
        "The food had gone bad",
    ),
}
_OPENERS = ("", "Well, ", "You know, ", "Listen, ", "To be honest, ")


@dataclasses.dataclass(frozen=True)
class Take:
    """The parameters of one take."""

    speaker: synthetic.Speaker
    emotion: str
    take: int


def takes() -> list[Take]:
    """All takes: speakers x emotions x takes."""
    return [Take(speaker, emotion, i) for speaker in SPEAKERS for emotion in EMOTIONS for i in range(TAKES)]


def voice(take: Take) -> Float32[np.ndarray, " time"]:
    """The sentence at `synthetic.SAMPLE_RATE_HZ`: one manner for emotions of high arousal, one for those of low."""
    manner = "happy" if _expressed(take, "voice") in _HIGH_AROUSAL else "calm"
    number = EMOTIONS.index(take.emotion) * TAKES + take.take  # a different rendering for each emotion
    return synthetic.render(take.speaker, manner, number)


def words(take: Take) -> str:
    """The spoken words, pleasant or unpleasant; empty where they are missing."""
    random = _random(take, "words")
    if random.uniform() < MISSING:
        return ""
    sentences = _WORDS["pleasant" if _expressed(take, "words") in _PLEASANT else "unpleasant"]
    return f"{random.choice(_OPENERS)}{random.choice(sentences)}."


def face(take: Take) -> Float[np.ndarray, "T 9"] | None:
    """Time in seconds and intensities 0 to 5 of `UNITS`, 10 times a second: `[T, 1 + units]`; None where missing."""
    random = _random(take, "face")
    if random.uniform() < MISSING:
        return None
    units = {"angry": ("AU04_r", "AU23_r"), "fearful": ("AU01_r", "AU20_r")}
    expressed = _expressed(take, "face")
    active = units[expressed] if expressed in units else ()
    time_s = np.arange(0.0, _SERIES_S, 1.0 / _FACE_HZ)
    rise = np.clip((time_s - random.uniform(0.0, 0.5)) / 0.4, 0.0, 1.0)  # an expression develops over some time
    strength = _speaker_level(take.speaker, "face", 1.6, 0.25) * random.uniform(0.7, 1.3)
    values = 0.3 + 0.25 * random.normal(size=(len(time_s), len(UNITS)))
    values += strength * rise[:, None] * np.array([unit in active for unit in UNITS])
    return np.column_stack([time_s, np.clip(values, 0.0, 5.0)])


def body(take: Take) -> Float[np.ndarray, "T 3"] | None:
    """Time in seconds, beats a minute and microsiemens, 4 times a second: `[T, 3]`; None where missing."""
    random = _random(take, "body")
    if random.uniform() < MISSING:
        return None
    changes = {"sad": (8.0, -1.2), "disgust": (-8.0, 2.0)}
    expressed = _expressed(take, "body")
    beats, sweat = changes[expressed] if expressed in changes else (0.0, 0.0)
    time_s = np.arange(0.0, _SERIES_S, 1.0 / _BODY_HZ)
    heart = (
        _speaker_level(take.speaker, "heart", 72.0, 3.0)
        + beats
        + random.normal(0, 2.0)
        + random.normal(size=len(time_s))
    )
    skin = (
        _speaker_level(take.speaker, "skin", 4.0, 0.4)
        + sweat
        + random.normal(0, 0.4)
        + 0.05 * np.cumsum(random.normal(size=len(time_s)))
    )
    return np.column_stack([time_s, heart, np.maximum(skin, 0.1)])


def _expressed(take: Take, modality: str) -> str:
    """The emotion that a modality expresses: the true one, or with probability `MISLEADING` a random one."""
    random = _random(take, f"{modality} told")  # this text is part of the seed: another one would change the corpus
    return str(random.choice(EMOTIONS)) if random.uniform() < MISLEADING else take.emotion


def _speaker_level(speaker: synthetic.Speaker, what: str, mean: float, spread: float) -> float:
    """A speaker's own mean value, the same in all takes."""
    return float(np.random.default_rng(zlib.crc32(f"{speaker.name}/{what}".encode())).normal(mean, spread))


def _random(take: Take, what: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(f"{take.speaker.name}/{take.emotion}/{take.take}/{what}".encode()))
