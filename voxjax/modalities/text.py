"""Reader of text: one all-MiniLM-L6-v2 embedding of the transcript (Reimers and Gurevych 2019; Wang et al. 2020)."""

from pathlib import Path

from voxjax.encoders import sentence
from voxjax.errors import VoxJaxError, mismatch
from voxjax.modalities.value import ModalityValue


def read(value: str | Path, duration_s: float) -> ModalityValue:
    """The embedding of a transcript, float32 `[1, 384]`.

    Raises:
        VoxJaxError: at an empty transcript, or where the sentence encoder is not installed.
    """
    del duration_s
    if not str(value).strip():
        raise VoxJaxError(mismatch("text", "words", "none", "leave it out where there is no transcript"))
    return ModalityValue(sentence.embed(str(value)))
