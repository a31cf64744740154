"""Small corpora of synthetic speech on disk, for tests that need sound files."""

from pathlib import Path

import soundfile

from voxjax.data import synthetic


def write_folder(root: Path, labels=("angry", "calm", "sad"), takes=5, speakers=3) -> Path:
    """`root/folder/LABEL/SPEAKER/TAKE.wav`: labels x speakers x takes clips. Returns `root`."""
    for label in labels:
        for speaker in synthetic.SPEAKERS[:speakers]:
            for take in range(takes):
                path = root / "folder" / label / speaker.name / f"{take}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, synthetic.render(speaker, label, take), synthetic.SAMPLE_RATE_HZ)
    return root
