"""Sources of encoders' weights: one row for each of `voxjax.encoders.ENCODERS`, downloaded or fetched by hand.

Whisper's commits and checksums are pinned by public projects, each by three or more.
"""

from typing import NamedTuple

from voxjax.downloads.sources.huggingface import PinnedFile
from voxjax.encoders.tensors import WHOLE
from voxjax.errors import mismatch


class PublishedWeights(NamedTuple):
    """Weights in a Hugging Face repository that can be read as they are."""

    repository: str
    commit: str
    files: dict[str, PinnedFile]

    @property
    def page(self) -> str:
        return f"https://huggingface.co/{self.repository}/tree/{self.commit}"

    @property
    def size(self) -> str:
        return f"{sum(file.size_bytes for file in self.files.values()) / 1e6:,.1f} MB"


class ByHand(NamedTuple):
    """Weights published in an unsupported format, or in several sizes."""

    reason: str
    how: str  # {path} is where to put them
    path: str  # below --weights_dir


def _whisper(size: str, commit: str, size_bytes: int, sha256: str) -> PublishedWeights:
    return PublishedWeights(f"openai/whisper-{size}", commit, {WHOLE: PinnedFile(size_bytes, sha256)})


PUBLISHED = {
    "whisper_tiny_en": _whisper(
        "tiny.en",
        "87c7102498dcde7456f24cfd30239ca606ed9063",
        151_060_136,
        "db59695928ded6043adaef491a53ef4e12da9611184d77c53baa691a60b958ad",
    ),
    "whisper_tiny": _whisper(
        "tiny",
        "169d4a4341b33bc18d8881c4b69c2e104e1cc0af",
        151_061_672,
        "7ebd0e69e78190ffe1438491fa05cc1f5c1aa3a4c4db3bc1723adbb551ea2395",
    ),
    "whisper_base": _whisper(
        "base",
        "e37978b90ca9030d5170a5c07aadb050351a65bb",
        290_403_936,
        "07cadb9f25677c8d50df603e66a98fbd842cce45047139baeb16e6219a1e807b",
    ),
    "whisper_base_en": _whisper(
        "base.en",
        "911407f4214e0e1d82085af863093ec0b66f9cd6",
        290_401_888,
        "d4dd5542fd6a1d35639e21384238f3bfe6c557c849d392b5905d33ee29e71db5",
    ),
    "whisper_small": _whisper(
        "small",
        "973afd24965f72e36ca33b3055d56a652f456b4d",
        966_995_080,
        "1d7734884874f1a1513ed9aa760a4f8e97aaa02fd6d93a3a85d27b2ae9ca596b",
    ),
    "whisper_small_en": _whisper(
        "small.en",
        "e8727524f962ee844a7319d92be39ac1bd25655a",
        966_992_008,
        "6014ac49b506df900f66f4aca6b0801eed7245594ace97bcaf73e0ae5b863066",
    ),
}


def _pickled(path: str, repository: str) -> ByHand:
    """Weights that the package `transformers` converts from a repository of pickles."""
    load = f"m = '{repository}'; p = '{{path}}'; t.AutoModel.from_pretrained(m).save_pretrained(p)"
    also = "t.AutoFeatureExtractor.from_pretrained(m).save_pretrained(p)"
    return ByHand(
        f"a pickle, which can run code and is not read (https://huggingface.co/{repository})",
        f'where PyTorch and transformers are installed, run python -c "import transformers as t; {load}; {also}"',
        path,
    )


def _any_size(path: str, examples: str) -> ByHand:
    reason = f"one of several sizes, to be chosen (as {examples} on https://huggingface.co)"
    how = f"put its config.json, preprocessor_config.json and {WHOLE} into {{path}}"
    return ByHand(reason, f"{how} (docs/weights.md converts a pickle)", path)


BY_HAND = {
    "wav2vec2_base": _pickled("wav2vec2_base", "facebook/wav2vec2-base"),
    "hubert_base": _pickled("hubert_base", "facebook/hubert-base-ls960"),
    "wavlm_base_plus": _pickled("wavlm_base_plus", "microsoft/wavlm-base-plus"),
    "wav2vec2": _any_size("wav2vec2", "facebook/wav2vec2-base-960h"),
    "hubert": _any_size("hubert", "facebook/hubert-large-ll60k"),
    "wavlm": _any_size("wavlm", "microsoft/wavlm-large"),
    "yamnet": ByHand(
        "Keras weights, with batch norm apart",
        "fetch https://storage.googleapis.com/audioset/yamnet.h5 and convert it to {path} with the lines in "
        "docs/weights.md",
        "yamnet.npz",
    ),
    "vggish": ByHand(
        "a TensorFlow checkpoint",
        "fetch https://storage.googleapis.com/audioset/vggish_model.ckpt and convert it to {path} with the lines in "
        "docs/weights.md",
        "vggish.npz",
    ),
}


def instructions(name: str, weights_dir: object) -> str:
    """One line on how to get weights that are not downloaded."""
    row = BY_HAND[name]
    how = row.how.format(path=f"{weights_dir}/{row.path}")
    return mismatch(name, "weights that can be read as they are published", row.reason, how)
