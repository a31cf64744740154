"""Text: the transcript, as one sentence embedding of all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Wang et al. 2020)."""

from typing import Any

from voxjax.encoders import sentence
from voxjax.errors import VoxJaxError, mismatch
from voxjax.modalities.value import ModalityValue


def read(value: Any, duration_s: float) -> ModalityValue:
    """The embedding of a transcript, float32 `[1, 384]`.

    Raises:
        VoxJaxError: where there are no words, or the sentence encoder is not installed.
    """
    del duration_s
    if not str(value).strip():
        raise VoxJaxError(mismatch("text", "words", "none", "leave it out where there is no transcript"))
    return ModalityValue(sentence.embed(str(value)))
