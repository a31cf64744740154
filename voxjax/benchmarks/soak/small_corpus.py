"""A small corpus of synthetic speech in folders, which the campaigns train on."""

from pathlib import Path

import soundfile

from voxjax.data import synthetic

_LABELS, _SPEAKERS = ("angry", "calm", "sad"), 3


def write(folder: Path, takes: int = 2) -> None:
    """Writes the clips to `folder/LABEL/SPEAKER/TAKE.wav`.

    Args:
        folder: created if missing.
        takes: clips of each label and speaker.
    """
    for label in _LABELS:
        for speaker in synthetic.SPEAKERS[:_SPEAKERS]:
            for take in range(takes):
                path = folder / label / speaker.name / f"{take}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, synthetic.render(speaker, label, take), synthetic.SAMPLE_RATE_HZ)
