"""The built-in demo corpus: synthetic speech, written into the cache, and again where it is damaged."""

from pathlib import Path

import soundfile

from voxjax.data import synthetic
from voxjax.data.corpora import generated
from voxjax.data.manifest import Clip

NOTE = "Demo corpus: synthetic speech made by voxjax.data.synthetic, Apache-2.0. Not recorded from people."

_FOLDER = "demo-1"  # increased when `synthetic` changes its output
_STATEMENTS = ("sentence A", "sentence B")


def find(cache: Path) -> list[Clip]:
    """Clips of 8 speakers, 8 emotions and 6 takes, written as WAV files at the first call.

    Raises:
        OSError: if the cache can't be written; nothing is left behind.
    """
    digests = generated.ensure(cache / _FOLDER, _write)
    return [
        Clip(
            path=_path(speaker, emotion, take),
            corpus="demo",
            speaker=speaker.name,
            gender=speaker.gender,
            emotion=emotion,
            statement=_STATEMENTS[take % 2],
            intensity="",
            repetition=str(take // 2 + 1),
            sha256=digests[_path(speaker, emotion, take).removeprefix(f"{_FOLDER}/")],
        )
        for speaker in synthetic.SPEAKERS
        for emotion in synthetic.MANNERS
        for take in range(synthetic.TAKES)
    ]


def _path(speaker: synthetic.Speaker, emotion: str, take: int) -> str:
    return f"{_FOLDER}/{speaker.name}/{emotion}_{take + 1}.wav"


def _write(folder: Path) -> None:
    for speaker in synthetic.SPEAKERS:
        for emotion in synthetic.MANNERS:
            for take in range(synthetic.TAKES):
                path = folder / Path(_path(speaker, emotion, take)).relative_to(_FOLDER)
                path.parent.mkdir(exist_ok=True)
                samples = synthetic.render(speaker, emotion, take)
                soundfile.write(path, samples, synthetic.SAMPLE_RATE_HZ, subtype="PCM_16")
