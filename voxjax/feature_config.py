"""Feature configs: one dataclass for each kind of features."""

import dataclasses
from typing import Any

from voxjax.config_schema import Plain, check_fields, choice, in_range, number, one_of
from voxjax.errors import UsageError, mismatch

_MOST_HOPS = 128  # in a window
_LARGEST_FILTERS = 2**23  # numbers: 1,024 mels in windows of half a second at 16 kHz
_MOST_BLOCKS = 64  # of an encoder
_MOST_ENCODERS = 8  # side by side


@dataclasses.dataclass(frozen=True)
class FeatureConfig:
    """Fields common to all kinds of features. Use one of the kinds in `FEATURE_KINDS`.

    It is saved in the model folder, so that prediction computes the features of training.
    """

    kind: str = ""
    sample_rate_hz: int = number(16_000, 4_000, 192_000)
    window_ms: float = number(32.0, 1.0, 1_000.0)  # also the FFT length: 512 samples at 16 kHz
    hop_ms: float = number(16.0, 0.5, 1_000.0)  # distance of two frames
    # Head and tail this far below the loudest frame are cut; 200 cuts nothing.
    trim_db: float = number(40.0, 1.0, 200.0)
    # `peak` scales each clip to a peak of 1, `speech` each window to one level of active speech (`audio.levels`).
    level: str = choice("keep", "keep", "peak", "speech")
    max_duration_s: float = number(6.0, 0.5, 60.0)  # longer clips are cut into windows of this length

    def __post_init__(self) -> None:
        one_of("features.kind", self.kind, FEATURE_KINDS)
        check_fields(self, "features")

    @staticmethod
    def form_of(values: Plain, prefix: str) -> type:
        """The dataclass of the kind that plain values name, `frames` where they name none."""
        kind = values["kind"] if "kind" in values else "frames"
        one_of(f"{prefix}.kind", kind, FEATURE_KINDS)
        return FEATURE_KINDS[kind]

    @property
    def by_encoder(self) -> tuple["EncoderFeatures", ...]:
        """The features of each pretrained encoder by itself; empty for features of the signal."""
        return ()

    @property
    def window_samples(self) -> int:
        """FFT and window length in samples."""
        return whole_samples("features.window_ms", self.window_ms, self.sample_rate_hz)

    @property
    def hop_samples(self) -> int:
        """Samples between two frames."""
        return whole_samples("features.hop_ms", self.hop_ms, self.sample_rate_hz)

    @property
    def max_samples(self) -> int:
        """Samples in the longest window of a clip."""
        return round(self.max_duration_s * self.sample_rate_hz)


@dataclasses.dataclass(frozen=True)
class _SignalFeatures(FeatureConfig):
    """Features computed from the signal itself."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hop_samples > self.window_samples:
            do = "lower features.hop_ms, or raise features.window_ms"
            raise UsageError(mismatch("features.hop_ms", f"at most a window of {self.window_ms:g}", self.hop_ms, do))
        if self.window_samples > _MOST_HOPS * self.hop_samples:
            do = "raise features.hop_ms, or lower features.window_ms"
            raise UsageError(mismatch("features.hop_ms", f"at least 1/{_MOST_HOPS} of a window", self.hop_ms, do))


@dataclasses.dataclass(frozen=True)
class VectorFeatures(_SignalFeatures):
    """The training guide's 392 numbers per clip."""

    kind: str = choice("vector", "vector")


@dataclasses.dataclass(frozen=True)
class FrameFeatures(_SignalFeatures):
    """Channels over time: `[frames, channels]`."""

    kind: str = choice("frames", "frames")
    mels: int = number(64, 1, 1_024)
    mel_low_hz: float = number(0.0, 0.0, 96_000.0)
    mel_high_hz: float = number(8_000.0, 1.0, 96_000.0)
    # Power that is added to each band: what is weaker, as a quiet room is, hardly differs from silence. -200 is none.
    mel_noise_db: float = number(-200.0, -200.0, 100.0)
    mfcc: int = number(40, 1, 1_024)  # coefficients, for the channels `mfcc`
    channels: tuple[str, ...] = ("logmel",)  # names in `audio.features.CHANNELS`, in this order
    # Whose mean is subtracted; `clip` removes the mean spectrum of voice and microphone, `speaker` that of all clips of
    # the speaker, who has to be enrolled for predictions.
    centre: str = choice("corpus", "corpus", "clip", "speaker", "none")

    def __post_init__(self) -> None:
        super().__post_init__()
        in_range("features.mels times the window in samples", self.mels * self.window_samples, 1, _LARGEST_FILTERS)
        in_range("features.mel_high_hz", self.mel_high_hz, self.mel_low_hz, self.sample_rate_hz / 2)


@dataclasses.dataclass(frozen=True)
class EncoderFeatures(FeatureConfig):
    """Outputs of chosen blocks of a pretrained encoder, concatenated: `[frames, blocks * channels]`."""

    kind: str = choice("encoder", "encoder")
    encoder: str = ""  # a name in `encoders.ENCODERS`
    blocks: tuple[int, ...] = number((), 0, 1_000)  # blocks whose outputs are taken, counted from 1
    tuned_blocks: int = number(0, 0, 1_000)  # blocks above them, which architecture `encoder_tuned` trains
    part: str = choice("output", "output", "hidden")  # of each block; `hidden`: hidden units of its feed-forward layer
    pooling: str = choice("none", "none", "statistics")  # `statistics`: mean and deviation over time, as one frame
    centre: str = choice("corpus", "corpus", "clip", "speaker", "none")  # whose mean is subtracted, as above

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.encoder and self.blocks):
            do = "set features.encoder and features.blocks, as configs/whisper_tiny.py does"
            raise UsageError(mismatch("features.kind encoder", "an encoder and its blocks", "neither or one", do))
        in_range("number of features.blocks", len(self.blocks), 1, _MOST_BLOCKS)
        if self.pooling == "statistics" and self.centre == "clip":
            do = "set features.centre to corpus"
            raise UsageError(mismatch("features.pooling statistics", "a mean of the corpus", "the clip's own", do))

    @property
    def by_encoder(self) -> tuple["EncoderFeatures", ...]:
        """These features: of one encoder."""
        return (self,)


@dataclasses.dataclass(frozen=True)
class EncodersFeatures(FeatureConfig):
    """Outputs of several pretrained encoders side by side: `[positions, channels of all]`."""

    kind: str = choice("encoders", "encoders")
    encoders: tuple[str, ...] = ()  # names in `encoders.ENCODERS`, each once
    blocks: tuple[tuple[int, ...], ...] = number((), 0, 1_000)  # of each encoder, counted from 1
    part: str = choice("output", "output", "hidden")  # of each block, as of one encoder
    pooling: str = choice("none", "none", "statistics")  # as of one encoder; `none` is as long as the shortest
    centre: str = choice("corpus", "corpus", "clip", "speaker", "none")  # whose mean is subtracted, as above

    def __post_init__(self) -> None:
        super().__post_init__()
        do = "set features.encoders and features.blocks, as configs/whisper_pair.py does"
        if not 2 <= len(self.encoders) <= _MOST_ENCODERS:
            expected, found = f"2 to {_MOST_ENCODERS} encoders", ", ".join(self.encoders[:_MOST_ENCODERS]) or "none"
            raise UsageError(mismatch("features.kind encoders", expected, found, do))
        if len(self.blocks) != len(self.encoders):
            expected, found = f"blocks of each of {len(self.encoders)} encoders", f"{len(self.blocks)} groups of blocks"
            raise UsageError(mismatch("features.blocks", expected, found, do))
        if len(set(self.encoders)) < len(self.encoders):
            do = "name it once, with all its blocks"
            raise UsageError(mismatch("features.encoders", "each encoder once", ", ".join(self.encoders), do))
        _ = self.by_encoder  # which checks the values of each

    @property
    def by_encoder(self) -> tuple[EncoderFeatures, ...]:
        """The features of each encoder by itself."""
        names = {field.name for field in dataclasses.fields(self)} - {"kind", "encoders", "blocks"}
        common = {name: getattr(self, name) for name in sorted(names)}
        pairs = zip(self.encoders, self.blocks, strict=True)
        return tuple(EncoderFeatures(**common, encoder=encoder, blocks=blocks) for encoder, blocks in pairs)


# Kinds with a mean that is subtracted, of which `centre` says whose.
Centred = FrameFeatures | EncoderFeatures | EncodersFeatures

# A new kind of features is a dataclass and a row.
FEATURE_KINDS: dict[str, type[FeatureConfig]] = {
    "vector": VectorFeatures,
    "frames": FrameFeatures,
    "encoder": EncoderFeatures,
    "encoders": EncodersFeatures,
}


def without_other_kinds(values: Plain) -> dict[str, Any]:
    """Plain values of a feature config without fields of other kinds, which VoxJAX 0.1 wrote, too."""
    own = {field.name for field in dataclasses.fields(FeatureConfig.form_of(values, "features"))}
    known = {field.name for kind in FEATURE_KINDS.values() for field in dataclasses.fields(kind)}
    return {key: value for key, value in values.items() if key in own or key not in known}


def merged_features(base: Plain, changes: Plain) -> dict[str, Any]:
    """Plain values of `base` with `changes`; if these change the kind, only fields of both kinds are kept."""
    kind = changes["kind"] if "kind" in changes else base["kind"]
    if kind not in FEATURE_KINDS or kind == base["kind"]:
        return {**base, **changes}
    common = {field.name for field in dataclasses.fields(FEATURE_KINDS[kind])}
    return {**{key: value for key, value in base.items() if key in common}, **changes}


def whole_samples(key: str, duration_ms: float, sample_rate_hz: int) -> int:
    """The duration in samples.

    Raises:
        UsageError: if it is not a whole number of samples of at least 1.
    """
    samples = duration_ms * sample_rate_hz / 1000
    if samples < 1 or abs(samples - round(samples)) > 1e-6:
        do = "choose a duration that is a whole number of samples"
        raise UsageError(mismatch(key, f"whole samples at {sample_rate_hz} Hz", f"{samples:g}", do))
    return round(samples)
