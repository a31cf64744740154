"""Every value of a run, as frozen dataclasses. Each field's range stands beside it."""

import collections.abc
import dataclasses
import math
from typing import Any

import jax

from voxjax.config_schema import check_fields, choice, in_range, number, one_of, thaw
from voxjax.errors import UsageError, mismatch


@dataclasses.dataclass(frozen=True)
class FeatureConfig:
    """What all kinds of features have in common. Use one of the kinds in `FEATURE_KINDS`.

    A trained model's folder holds it, so that prediction repeats the features of training.
    """

    kind: str = ""
    sample_rate_hz: int = number(16_000, 4_000, 192_000)
    window_ms: float = number(32.0, 1.0, 1_000.0)  # also the FFT length: 512 samples at 16 kHz
    hop_ms: float = number(16.0, 0.5, 1_000.0)  # from one frame to the next
    # Head and tail this far below the loudest frame are cut; 200 cuts nothing.
    trim_db: float = number(40.0, 1.0, 200.0)
    level: str = choice("keep", "keep", "peak")  # `peak` scales each clip to a peak of 1
    max_duration_s: float = number(6.0, 0.5, 60.0)  # longer clips are cut into windows of this length

    def __post_init__(self) -> None:
        one_of("features.kind", self.kind, FEATURE_KINDS)
        check_fields(self, "features")

    @staticmethod
    def form_of(values: collections.abc.Mapping[str, Any], prefix: str) -> type:
        """The dataclass of the kind that plain values name, `frames` where they name none."""
        kind = values["kind"] if "kind" in values else "frames"
        one_of(f"{prefix}.kind", kind, FEATURE_KINDS)
        return FEATURE_KINDS[kind]

    @property
    def window_samples(self) -> int:
        """FFT and window length in samples."""
        return whole_samples("features.window_ms", self.window_ms, self.sample_rate_hz)

    @property
    def hop_samples(self) -> int:
        """Samples from one frame to the next."""
        return whole_samples("features.hop_ms", self.hop_ms, self.sample_rate_hz)

    @property
    def max_samples(self) -> int:
        """Samples in the longest window that the network is given."""
        return round(self.max_duration_s * self.sample_rate_hz)


@dataclasses.dataclass(frozen=True)
class _SignalFeatures(FeatureConfig):
    """Features computed from the signal itself."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hop_samples > self.window_samples:
            do = "lower features.hop_ms, or raise features.window_ms"
            raise UsageError(mismatch("features.hop_ms", f"at most a window of {self.window_ms:g}", self.hop_ms, do))


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
    mfcc: int = number(40, 1, 1_024)  # coefficients, where MFCCs are among the channels
    channels: tuple[str, ...] = ("logmel",)  # names in `audio.features.CHANNELS`, in this order
    # Whose mean is subtracted; `clip` removes voice and microphone.
    centre: str = choice("corpus", "corpus", "clip", "none")

    def __post_init__(self) -> None:
        super().__post_init__()
        in_range("features.mel_high_hz", self.mel_high_hz, self.mel_low_hz, self.sample_rate_hz / 2)


@dataclasses.dataclass(frozen=True)
class EncoderFeatures(FeatureConfig):
    """Outputs of chosen blocks of a pretrained encoder, concatenated: `[frames, blocks * channels]`."""

    kind: str = choice("encoder", "encoder")
    encoder: str = ""  # a name in `encoders.ENCODERS`
    blocks: tuple[int, ...] = ()  # blocks whose outputs are taken, counted from 1
    tuned_blocks: int = number(0, 0, 1_000)  # further blocks, which architecture `encoder_tuned` trains
    part: str = choice("output", "output", "hidden")  # of each block; `hidden`: hidden units of its feed-forward layer
    pooling: str = choice("none", "none", "statistics")  # `statistics`: mean and deviation over time, as one frame
    centre: str = choice("corpus", "corpus", "clip", "none")  # whose mean is subtracted

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.encoder and self.blocks):
            do = "set features.encoder and features.blocks, as configs/whisper_tiny.py does"
            raise UsageError(mismatch("features.kind encoder", "an encoder and its blocks", "neither or one", do))
        if self.pooling == "statistics" and self.centre == "clip":
            do = "set features.centre to corpus"
            raise UsageError(mismatch("features.pooling statistics", "a mean of the corpus", "the clip's own", do))


# A new kind of features is a dataclass and a row.
FEATURE_KINDS: dict[str, type[FeatureConfig]] = {
    "vector": VectorFeatures,
    "frames": FrameFeatures,
    "encoder": EncoderFeatures,
}


def without_other_kinds(values: collections.abc.Mapping[str, Any]) -> dict[str, Any]:
    """Plain values of a feature config without fields that only other kinds have, which VoxJAX 0.1 wrote too."""
    own = {field.name for field in dataclasses.fields(FeatureConfig.form_of(values, "features"))}
    known = {field.name for kind in FEATURE_KINDS.values() for field in dataclasses.fields(kind)}
    return {key: value for key, value in values.items() if key in own or key not in known}


def merged_features(
    base: collections.abc.Mapping[str, Any], changes: collections.abc.Mapping[str, Any]
) -> dict[str, Any]:
    """Plain values of `base` with `changes`; where these name another kind, only what both kinds have is kept."""
    kind = changes["kind"] if "kind" in changes else base["kind"]
    if kind not in FEATURE_KINDS or kind == base["kind"]:
        return {**base, **changes}
    common = {field.name for field in dataclasses.fields(FEATURE_KINDS[kind])}
    return {**{key: value for key, value in base.items() if key in common}, **changes}


@dataclasses.dataclass(frozen=True)
class OfflineAugmentConfig:
    """Offline augmentation: augmented copies of each training clip, made once, on the waveform (the guide's way)."""

    augmentation_factor: int = number(3, 0, 64)  # augmented copies of each clip; 0 makes none
    methods: tuple[str, ...] = ("noise", "pitch", "stretch", "shift")  # taken in turn; "a+b" chains
    noise_snr_db: tuple[float, float] = number((15.0, 30.0), -20.0, 120.0)
    pitch_semitones: tuple[float, float] = number((-2.0, 2.0), -24.0, 24.0)
    stretch_rate: tuple[float, float] = number((0.85, 1.2), 0.25, 4.0)  # above 1 is faster
    speed_rate: tuple[float, float] = number((0.85, 1.15), 0.25, 4.0)  # above 1 is faster and higher
    shift_s: float = number(0.3, 0.0, 10.0)  # largest shift in either direction
    seed: int = number(0, 0, 2**31 - 1)

    def __post_init__(self) -> None:
        check_fields(self, "offline_augment")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Hyper:
    """What may differ between members: numbers that are traced, so that they can be vmapped and swept.

    Ranges are checked where a config is read, and not here, as the fields may be tracers.
    """

    learning_rate: Any = number(1e-3, 0.0, 10.0)  # peak of the schedule
    warmup_fraction: Any = number(0.05, 0.0, 1.0)  # of all steps, rising to the peak
    cosine_fraction: Any = number(1.0, 0.0, 1.0)  # of all steps, after which the cosine has reached its floor
    floor_fraction: Any = number(0.01, 0.0, 1.0)  # the cosine's floor, relative to the peak
    weight_decay: Any = number(1e-2, 0.0, 10.0)  # decoupled, on kernels alone
    clip_norm: Any = number(5.0, 1e-6, math.inf)  # of the global gradient
    ema_decay: Any = number(0.99, 0.0, 1.0)  # of the averaged weights, which are evaluated and kept
    dropout: Any = number(0.2, 0.0, 0.99)  # after each convolution block
    head_dropout: Any = number(0.3, 0.0, 0.99)  # between the dense layers
    label_smoothing: Any = number(0.05, 0.0, 1.0)
    mixup_alpha: Any = number(0.2, 0.0, 100.0)  # Beta(alpha, alpha); 0 mixes nothing
    mixup_probability: Any = number(0.5, 0.0, 1.0)  # that an example is mixed
    focal_gamma: Any = number(0.0, 0.0, 16.0)  # 0 is cross-entropy
    # Of all steps, over which focal gamma and class weights rise from none.
    loss_ramp_fraction: Any = number(0.0, 0.0, 1.0)
    l2: Any = number(0.0, 0.0, 10.0)  # penalty on kernels in the loss itself; `weight_decay` is the better kind
    # Learning rate of an encoder's highest block, relative to the head's.
    finetune_rate_scale: Any = number(0.1, 0.0, 10.0)
    layerwise_rate_decay: Any = number(0.7, 0.0, 1.0)  # each block below learns at this fraction of the rate above
    # Of all steps until the highest block learns; the next waits twice as long.
    unfreeze_fraction: Any = number(0.1, 0.0, 1.0)
    ramp_fraction: Any = number(0.2, 0.0, 1.0)  # of all steps, over which augmentation and dropout rise from none
    offline_augment_probability: Any = number(0.5, 0.0, 1.0)  # that an augmented copy replaces the clip
    time_shift_frames: Any = number(8.0, 0.0, 10_000.0)  # largest delay of the clip
    gain_db: Any = number(6.0, 0.0, 60.0)  # drawn uniformly within +- this
    noise_probability: Any = number(0.3, 0.0, 1.0)  # of added noise
    noise_snr_db: Any = number(10.0, -20.0, 120.0)  # the lowest signal-to-noise ratio; the highest is 30 dB above
    time_stretch: Any = number(0.15, 0.0, 1.5)  # tempo is multiplied by exp(U(-1, 1) * this)
    vtlp: Any = number(0.08, 0.0, 1.0)  # vocal-tract length is multiplied by exp(U(-1, 1) * this)
    time_mask_fraction: Any = number(0.15, 0.0, 1.0)  # of the clip, the widest of two time masks
    frequency_mask_fraction: Any = number(0.15, 0.0, 1.0)  # of the channels, the widest of two frequency masks
    # Probability that a fusion network does not get a modality of the clip.
    modality_dropout: Any = number(0.25, 0.0, 1.0)


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How long to train, and when to evaluate and save."""

    epochs: int = number(60, 1, 100_000)
    batch_size: int = number(32, 2, 65_536)
    # A step gets at most this much of a clip, from a random place; 0 gives all of it.
    crop_s: float = number(0.0, 0.0, 60.0)
    precision: str = choice("float32", "float32", "bfloat16")  # of the network in a step; bfloat16 is for accelerators
    patience_epochs: int = number(30, 1, 100_000)  # epochs without a better validation UAR before stopping
    checkpoint_every_epochs: int = number(5, 1, 100_000)
    checkpoints_kept: int = number(2, 1, 1_000)
    valid_fraction: float = number(0.1, 0.01, 0.5)  # of the training clips, held out to choose by
    keep: str = choice("best", "best", "last")  # weights of the epoch with the best validation UAR, or of the last

    def __post_init__(self) -> None:
        check_fields(self, "train")


@dataclasses.dataclass(frozen=True)
class GuardConfig:
    """The collapse guard: when a member counts as collapsed, and what is done then."""

    # `recover`: roll back to the last healthy epoch, soften, go on.
    action: str = choice("warn", "warn", "stop", "recover")
    after_epochs: int = number(5, 0, 100_000)  # first epochs, which are not checked
    patience_epochs: int = number(3, 1, 100_000)  # consecutive epochs that must look collapsed
    # Of validation clips predicted as one class; at least the true one + 0.3.
    majority_fraction: float = number(0.6, 0.0, 1.0)
    # Entropy of the predicted classes relative to the true ones' that is too low.
    entropy_fraction: float = number(0.6, 0.0, 1.0)
    gradient_norm: float = number(1e-5, 0.0, math.inf)  # below this, gradients have vanished
    rate_factor: float = number(0.5, 0.0, 1.0)  # recover: the learning rate is multiplied by this
    gamma_factor: float = number(0.5, 0.0, 1.0)  # recover: focal gamma is multiplied by this
    max_recoveries: int = number(3, 0, 1_000)  # after this many, recover becomes stop

    def __post_init__(self) -> None:
        check_fields(self, "guard")


@dataclasses.dataclass(frozen=True)
class MemberConfig:
    """One member of an ensemble, where it differs from the run."""

    architecture: str = "optimized"
    model: collections.abc.Mapping[str, Any] = dataclasses.field(default_factory=dict)
    hyper: collections.abc.Mapping[str, Any] = dataclasses.field(default_factory=dict)  # fields of Hyper
    features: collections.abc.Mapping[str, Any] = dataclasses.field(default_factory=dict)  # fields of a feature config
    offline_augment: collections.abc.Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class DevicesConfig:
    """A mesh of devices: members are divided over one axis, batches over the other."""

    member: int = number(1, 1, 65_536)
    data: int = number(1, 1, 65_536)

    def __post_init__(self) -> None:
        check_fields(self, "devices")


@dataclasses.dataclass(frozen=True)
class Config:
    """A whole run. `model` holds the options of `architecture`, checked by that model's own dataclass.

    With `members`, the run is an ensemble of `n_members` that are taken from them in turn, and
    `architecture` and `model` are not used. Without, all `n_members` are alike except for their keys.
    """

    name: str = "optimized"
    corpus: str = "demo"
    test_corpus: str = ""  # the corpus that protocol `corpus` tests on
    labels: str = "own"  # own | four | six | seven | shared: label set, see voxjax/labels.py
    truth: str = "intended"  # a name in `labelling.TRUTHS`: the speaker's instruction, or most listeners' votes
    protocol: str = "random5"
    fold: int = number(0, 0, 1_000_000)
    seed: int = number(0, 0, 2**31 - 1)
    class_balance: float = number(0.0, 0.0, 10.0)  # power of inverse class frequency in the loss: 0 is none, 1 is full
    architecture: str = "optimized"
    loss: str = "focal"  # a name in `losses.LOSSES`
    n_members: int = number(1, 1, 4_096)
    members: tuple[MemberConfig, ...] = ()
    # How members of one architecture are computed.
    member_execution: str = choice("auto", "auto", "vmap", "unroll", "map")
    vote: str = "equal"  # equal | validation: the members' weights in the soft vote
    broken_clips: str = choice("stop", "stop", "skip")  # what an unreadable clip does to a run
    model: collections.abc.Mapping[str, Any] = dataclasses.field(default_factory=dict)
    features: FeatureConfig = dataclasses.field(default_factory=FrameFeatures)
    offline_augment: OfflineAugmentConfig = dataclasses.field(default_factory=OfflineAugmentConfig)
    hyper: Hyper = dataclasses.field(default_factory=Hyper)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)
    guard: GuardConfig = dataclasses.field(default_factory=GuardConfig)
    devices: DevicesConfig = dataclasses.field(default_factory=DevicesConfig)

    def __post_init__(self) -> None:
        check_fields(self, "config")


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


def config_dict(config: Config) -> Any:
    """The config as an `ml_collections.ConfigDict`, the values of which absl flags can override."""
    from ml_collections import ConfigDict  # only commands need it

    return ConfigDict(thaw(config))
