"""Every value of a run, as frozen dataclasses that refuse unknown keys and wrong types."""

import collections.abc
import dataclasses
import difflib
from typing import Any

import jax

from voxjax.config_schema import thaw
from voxjax.errors import UsageError, mismatch


@dataclasses.dataclass(frozen=True)
class FeatureConfig:
    """What the network eats. Frozen into the model folder, so that predicting repeats training.

    `vector` is the training guide's 392 numbers a clip; `frames` is `[frames, channels]`; `encoder` is the output
    of chosen blocks of a pretrained encoder, side by side: `[frames, blocks * channels]`.
    """

    kind: str = "frames"  # vector | frames | encoder
    encoder: str = ""  # kind `encoder`: a name in `encoders.ENCODERS`
    blocks: tuple[int, ...] = ()  # kind `encoder`: whose outputs are taken, counted from 1
    tuned_blocks: int = 0  # kind `encoder`: further blocks, which architecture `encoder_tuned` trains on
    part: str = "output"  # kind `encoder`, of each block: output | hidden, its feed-forward layer's hidden units
    pooling: str = "none"  # kind `encoder`: none | statistics, a clip's mean and deviation over time, as one frame
    sample_rate_hz: int = 16_000
    window_ms: float = 32.0  # also the FFT length: 512 samples at 16 kHz
    hop_ms: float = 16.0
    mels: int = 64
    mel_low_hz: float = 0.0
    mel_high_hz: float = 8_000.0
    mfcc: int = 40  # coefficients, where MFCCs are asked for
    channels: tuple[str, ...] = ("logmel",)  # groups of `frames` channels, in this order
    trim_db: float = 40.0  # head and tail this far below the loudest frame are cut; 200 cuts nothing
    level: str = "keep"  # keep | peak: `peak` scales each clip to a peak of 1
    centre: str = "corpus"  # corpus | clip | none: whose mean is taken off; `clip` fades voice and microphone
    max_duration_s: float = 6.0  # longer clips are cut into windows of this length

    def __post_init__(self) -> None:
        one_of("features.kind", self.kind, ("vector", "frames", "encoder"))
        if self.kind == "encoder" and not (self.encoder and self.blocks):
            do = "set features.encoder and features.blocks, as configs/whisper_tiny.py does"
            raise UsageError(mismatch("features.kind encoder", "an encoder and its blocks", "neither or one", do))
        one_of("features.part", self.part, ("output", "hidden"))
        one_of("features.pooling", self.pooling, ("none", "statistics"))
        if self.pooling == "statistics" and self.centre == "clip":
            do = "set features.centre to corpus"
            raise UsageError(mismatch("features.pooling statistics", "a mean of the corpus", "the clip's own", do))
        one_of("features.level", self.level, ("keep", "peak"))
        one_of("features.centre", self.centre, ("corpus", "clip", "none"))
        in_range("features.tuned_blocks", self.tuned_blocks, 0, 1_000)
        in_range("features.trim_db", self.trim_db, 1.0, 200.0)
        in_range("features.max_duration_s", self.max_duration_s, 0.5, 60.0)
        in_range("features.mel_high_hz", self.mel_high_hz, self.mel_low_hz, self.sample_rate_hz / 2)
        if self.kind != "encoder" and self.hop_samples > self.window_samples:
            do = "lower features.hop_ms, or raise features.window_ms"
            raise UsageError(mismatch("features.hop_ms", f"at most a window of {self.window_ms:g}", self.hop_ms, do))

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
        """Samples in the longest window the network is shown."""
        return round(self.max_duration_s * self.sample_rate_hz)


@dataclasses.dataclass(frozen=True)
class OfflineAugmentConfig:
    """Offline copies of each training clip, made once, on the waveform (the guide's augmentation)."""

    augmentation_factor: int = 3  # copies beside the original; 0 makes none
    methods: tuple[str, ...] = ("noise", "pitch", "stretch", "shift")  # taken in turn; "a+b" chains
    noise_snr_db: tuple[float, float] = (15.0, 30.0)
    pitch_semitones: tuple[float, float] = (-2.0, 2.0)
    stretch_rate: tuple[float, float] = (0.85, 1.2)  # above 1 is faster
    speed_rate: tuple[float, float] = (0.85, 1.15)  # above 1 is faster and higher
    shift_s: float = 0.3  # largest shift, either way
    seed: int = 0  # of what the copies draw

    def __post_init__(self) -> None:
        in_range("offline_augment.augmentation_factor", self.augmentation_factor, 0, 64)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Hyper:
    """What may differ between members: numbers that are traced, so they can be vmapped and swept."""

    learning_rate: Any = 1e-3  # peak of the schedule
    warmup_fraction: Any = 0.05  # share of all steps spent rising to the peak
    cosine_fraction: Any = 1.0  # share of all steps after which the cosine is down
    floor_fraction: Any = 0.01  # the cosine ends at this share of the peak
    weight_decay: Any = 1e-2  # decoupled, on kernels alone
    clip_norm: Any = 5.0  # global gradient norm
    ema_decay: Any = 0.99  # of the averaged weights that are evaluated and kept
    dropout: Any = 0.2  # after each convolution block
    head_dropout: Any = 0.3  # between the dense layers
    label_smoothing: Any = 0.05
    mixup_alpha: Any = 0.2  # Beta(alpha, alpha); 0 mixes nothing
    mixup_probability: Any = 0.5  # share of examples that are mixed
    focal_gamma: Any = 0.0  # 0 is cross-entropy
    loss_ramp_fraction: Any = 0.0  # focal gamma and class weights rise from none over this share of all steps
    l2: Any = 0.0  # penalty on kernels in the loss itself; `weight_decay` is the better kind
    finetune_rate_scale: Any = 0.1  # learning rate of an encoder's highest block, as a share of the head's
    layerwise_rate_decay: Any = 0.7  # each block below learns at this share of the one above
    unfreeze_fraction: Any = (
        0.1  # share of all steps until the highest block begins to learn; each below waits as long again
    )
    ramp_fraction: Any = 0.2  # augmentation and regularisation rise linearly over this share of all steps
    offline_augment_probability: Any = 0.5  # chance that an offline copy stands in for the clip
    time_shift_frames: Any = 8.0  # largest delay of the clip
    gain_db: Any = 6.0  # uniform within +- this
    noise_probability: Any = 0.3  # chance of added noise
    noise_snr_db: Any = 10.0  # the lowest signal-to-noise ratio; the highest is 30 dB above
    time_stretch: Any = 0.15  # tempo is multiplied by exp(U(-1, 1) * this)
    vtlp: Any = 0.08  # vocal-tract length is multiplied by exp(U(-1, 1) * this)
    time_mask_fraction: Any = 0.15  # widest of two time masks, as a share of the clip
    frequency_mask_fraction: Any = 0.15  # widest of two frequency masks, as a share of the channels
    modality_dropout: Any = 0.25  # chance that a fusing network is not shown a modality that the clip has


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How long and how often."""

    epochs: int = 60
    batch_size: int = 32
    crop_s: float = 0.0  # a step sees at most so much of a clip, from a random place; 0 shows it whole
    precision: str = "float32"  # float32 | bfloat16: of the network in a step; bfloat16 is for accelerators
    patience_epochs: int = 30  # epochs without a better validation UAR before stopping
    checkpoint_every_epochs: int = 5
    checkpoints_kept: int = 2
    valid_fraction: float = 0.1  # of the training side, cut off to choose by
    keep: str = "best"  # best | last: weights of the epoch with the best validation UAR, or those at the end

    def __post_init__(self) -> None:
        in_range("train.epochs", self.epochs, 1, 100_000)
        in_range("train.batch_size", self.batch_size, 2, 65_536)
        in_range("train.crop_s", self.crop_s, 0.0, 60.0)
        in_range("train.patience_epochs", self.patience_epochs, 1, 100_000)
        in_range("train.checkpoint_every_epochs", self.checkpoint_every_epochs, 1, 100_000)
        in_range("train.checkpoints_kept", self.checkpoints_kept, 1, 1_000)
        in_range("train.valid_fraction", self.valid_fraction, 0.01, 0.5)
        one_of("train.keep", self.keep, ("best", "last"))
        one_of("train.precision", self.precision, ("float32", "bfloat16"))


@dataclasses.dataclass(frozen=True)
class GuardConfig:
    """The collapse guard: when a member is held to have collapsed, and what is done then."""

    action: str = "warn"  # warn | stop | recover: roll back to the last healthy epoch, soften, go on
    after_epochs: int = 5  # epochs in which nothing is judged
    patience_epochs: int = 3  # epochs in a row that must look collapsed
    majority_fraction: float = 0.6  # of validation clips given to one class; at least the true share + 0.3
    entropy_fraction: float = 0.6  # entropy of the predicted classes, relative to the true ones', that is too little
    gradient_norm: float = 1e-5  # below this, gradients have vanished
    rate_factor: float = 0.5  # recover: the learning rate is multiplied by this
    gamma_factor: float = 0.5  # recover: focal gamma is multiplied by this
    max_recoveries: int = 3  # after so many, recover becomes stop

    def __post_init__(self) -> None:
        one_of("guard.action", self.action, ("warn", "stop", "recover"))
        in_range("guard.patience_epochs", self.patience_epochs, 1, 100_000)


@dataclasses.dataclass(frozen=True)
class MemberConfig:
    """One member of an ensemble, where it differs from the run."""

    architecture: str = "optimized"
    model: collections.abc.Mapping[str, Any] = dataclasses.field(default_factory=dict)
    hyper: collections.abc.Mapping[str, Any] = dataclasses.field(default_factory=dict)  # fields of Hyper
    features: collections.abc.Mapping[str, Any] = dataclasses.field(default_factory=dict)  # fields of FeatureConfig
    offline_augment: collections.abc.Mapping[str, Any] = dataclasses.field(
        default_factory=dict
    )  # fields of OfflineAugmentConfig


@dataclasses.dataclass(frozen=True)
class DevicesConfig:
    """A mesh of devices. Members are divided over one axis, batches over the other."""

    member: int = 1
    data: int = 1

    def __post_init__(self) -> None:
        in_range("devices.member", self.member, 1, 65_536)
        in_range("devices.data", self.data, 1, 65_536)


@dataclasses.dataclass(frozen=True)
class Config:
    """A whole run. `model` holds the options of `architecture`, checked by that model's own dataclass.

    With `members`, the run is an ensemble of `n_members` that are taken from them in turn, and
    `architecture` and `model` say nothing. Without, all `n_members` are alike but for their keys.
    """

    name: str = "optimized"
    corpus: str = "demo"
    test_corpus: str = ""  # of protocol `corpus` alone: what is tested on
    labels: str = "own"  # own | four | six | seven | shared: what emotions become (voxjax/labels.py)
    truth: str = "intended"  # intended | heard: by the speaker's instruction, or most listeners' votes
    protocol: str = "random5"
    fold: int = 0
    seed: int = 0
    class_balance: float = 0.0  # power of inverse class frequency in the loss: 0 is none, 1 is full
    architecture: str = "optimized"
    loss: str = "focal"  # a name in `losses.LOSSES`
    n_members: int = 1
    members: tuple[MemberConfig, ...] = ()
    member_execution: str = "auto"  # vmap | unroll | map | auto: how members of one architecture are computed
    vote: str = "equal"  # equal | validation: the members' weights in the soft vote
    broken_clips: str = "stop"  # stop | skip: what an unreadable clip does to a run
    model: collections.abc.Mapping[str, Any] = dataclasses.field(default_factory=dict)
    features: FeatureConfig = dataclasses.field(default_factory=FeatureConfig)
    offline_augment: OfflineAugmentConfig = dataclasses.field(default_factory=OfflineAugmentConfig)
    hyper: Hyper = dataclasses.field(default_factory=Hyper)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)
    guard: GuardConfig = dataclasses.field(default_factory=GuardConfig)
    devices: DevicesConfig = dataclasses.field(default_factory=DevicesConfig)

    def __post_init__(self) -> None:
        one_of("broken_clips", self.broken_clips, ("stop", "skip"))
        one_of("member_execution", self.member_execution, ("vmap", "unroll", "map", "auto"))
        in_range("n_members", self.n_members, 1, 4_096)


def one_of(key: str, value: str, known: collections.abc.Iterable[str]) -> None:
    """Refuses a value that is not in the list.

    Raises:
        UsageError: names the nearest known value.
    """
    known = tuple(known)
    if value not in known:
        near = difflib.get_close_matches(str(value), known, n=1)
        do = f"did you mean '{near[0]}'?" if near else "choose one of these"
        raise UsageError(mismatch(key, "one of " + ", ".join(known), repr(value), do))


def in_range(key: str, value: float, low: float, high: float) -> None:
    """Refuses a number outside `[low, high]`, and NaN.

    Raises:
        UsageError: with the range.
    """
    if not low <= value <= high:
        raise UsageError(mismatch(key, f"a number from {low} to {high}", value, "change it"))


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
    """The config as an `ml_collections.ConfigDict`, whose values absl flags can override."""
    from ml_collections import ConfigDict  # only scripts need it

    return ConfigDict(thaw(config))
