"""Every value of a run, as frozen dataclasses, with the range of each field."""

import dataclasses
import math
from typing import Any

import jax

from voxjax.config_schema import Plain, check_fields, choice, in_range, number, one_of, thaw
from voxjax.feature_config import (
    FEATURE_KINDS,
    Centred,
    EncoderFeatures,
    EncodersFeatures,
    FeatureConfig,
    FrameFeatures,
    VectorFeatures,
    merged_features,
    without_other_kinds,
)

__all__ = [
    "FEATURE_KINDS",
    "Centred",
    "Config",
    "DevicesConfig",
    "EncoderFeatures",
    "EncodersFeatures",
    "FeatureConfig",
    "FrameFeatures",
    "GuardConfig",
    "Hyper",
    "MemberConfig",
    "OfflineAugmentConfig",
    "TrainConfig",
    "VectorFeatures",
    "config_dict",
    "in_range",
    "merged_features",
    "one_of",
    "without_other_kinds",
]


@dataclasses.dataclass(frozen=True)
class OfflineAugmentConfig:
    """Offline augmentation: augmented copies of each training clip, made once, on the waveform, as in the guide."""

    augmentation_factor: int = number(3, 0, 64)  # augmented copies of each clip; 0 makes none
    methods: tuple[str, ...] = ("noise", "pitch", "stretch", "shift")  # copies take turns; "a+b" both, "a|b" one
    noise_snr_db: tuple[float, float] = number((15.0, 30.0), -20.0, 120.0)
    pitch_semitones: tuple[float, float] = number((-2.0, 2.0), -24.0, 24.0)
    stretch_rate: tuple[float, float] = number((0.85, 1.2), 0.25, 4.0)  # above 1 is faster
    speed_rate: tuple[float, float] = number((0.85, 1.15), 0.25, 4.0)  # above 1 is faster and higher
    shift_s: float = number(0.3, 0.0, 10.0)  # largest shift in either direction
    rt60_s: tuple[float, float] = number((0.2, 1.2), 0.01, 10.0)  # reverberation time of `room`
    band_low_hz: tuple[float, float] = number((200.0, 400.0), 1.0, 4_000.0)  # lower end of the band of `telephone`
    band_high_hz: tuple[float, float] = number((3_000.0, 3_800.0), 500.0, 24_000.0)  # and its upper end
    tilt_db: tuple[float, float] = number((-3.0, 3.0), -24.0, 24.0)  # an octave
    speech_noise_snr_db: tuple[float, float] = number((5.0, 25.0), -20.0, 120.0)  # of `babble`, too
    pause_s: tuple[float, float] = number((0.2, 1.2), 0.0, 10.0)  # of silence before a clip, and after it
    seed: int = number(0, 0, 2**31 - 1)

    def __post_init__(self) -> None:
        check_fields(self, "offline_augment")


Traced = float | jax.Array  # a number of a config, or `[]` inside a compiled program


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Hyper:
    """What may differ between members: numbers that are traced, so that they can be vmapped and swept.

    Ranges are checked when a config is read, not here, as the fields may be tracers.
    """

    learning_rate: Traced = number(1e-3, 0.0, 10.0)  # peak of the schedule
    warmup_fraction: Traced = number(0.05, 0.0, 1.0)  # of all steps, rising to the peak
    cosine_fraction: Traced = number(1.0, 0.0, 1.0)  # of all steps, after which the cosine has reached its floor
    floor_fraction: Traced = number(0.01, 0.0, 1.0)  # the cosine's floor, relative to the peak
    weight_decay: Traced = number(1e-2, 0.0, 10.0)  # decoupled, on kernels alone
    clip_norm: Traced = number(5.0, 1e-6, math.inf)  # of the global gradient
    ema_decay: Traced = number(0.99, 0.0, 1.0)  # decay of the averaged weights, which are evaluated and kept
    dropout: Traced = number(0.2, 0.0, 0.99)  # after each convolution block
    head_dropout: Traced = number(0.3, 0.0, 0.99)  # between the dense layers
    label_smoothing: Traced = number(0.05, 0.0, 1.0)
    mixup_alpha: Traced = number(0.2, 0.0, 100.0)  # Beta(alpha, alpha); 0 mixes nothing
    mixup_probability: Traced = number(0.5, 0.0, 1.0)  # probability that an example is mixed
    focal_gamma: Traced = number(0.0, 0.0, 16.0)  # 0 is cross-entropy
    # Fraction of all steps over which focal gamma and class weights rise from 0.
    loss_ramp_fraction: Traced = number(0.0, 0.0, 1.0)
    l2: Traced = number(0.0, 0.0, 1_000.0)  # penalty on kernels in the loss; `weight_decay` is usually better
    # Learning rate of an encoder's highest block, relative to the head's.
    finetune_rate_scale: Traced = number(0.1, 0.0, 10.0)
    layerwise_rate_decay: Traced = number(
        0.7, 0.0, 1.0
    )  # each block's rate is this fraction of that of the block above
    # Fraction of all steps until the highest block is unfrozen; for the next one it is twice as large.
    unfreeze_fraction: Traced = number(0.1, 0.0, 1.0)
    ramp_fraction: Traced = number(0.2, 0.0, 1.0)  # of all steps, over which augmentation and dropout rise from 0
    offline_augment_probability: Traced = number(0.5, 0.0, 1.0)  # probability that an augmented copy replaces the clip
    time_shift_frames: Traced = number(8.0, 0.0, 10_000.0)  # largest delay of the clip
    gain_db: Traced = number(6.0, 0.0, 60.0)  # drawn uniformly within +- this
    noise_probability: Traced = number(0.3, 0.0, 1.0)  # of added noise
    noise_snr_db: Traced = number(10.0, -20.0, 120.0)  # the lowest signal-to-noise ratio; the highest is 30 dB above
    time_stretch: Traced = number(0.15, 0.0, 1.5)  # tempo is multiplied by exp(U(-1, 1) * this)
    vtlp: Traced = number(0.08, 0.0, 1.0)  # vocal-tract length is multiplied by exp(U(-1, 1) * this)
    time_mask_fraction: Traced = number(0.15, 0.0, 1.0)  # of the clip, the widest of two time masks
    frequency_mask_fraction: Traced = number(0.15, 0.0, 1.0)  # of the channels, the widest of two frequency masks
    # Probability that a fusion network does not get a modality of the clip.
    modality_dropout: Traced = number(0.25, 0.0, 1.0)


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How long to train, and when to evaluate and save."""

    epochs: int = number(60, 1, 100_000)
    batch_size: int = number(32, 2, 65_536)
    # A step takes a random crop of at most this duration from a clip; 0 takes all of it.
    crop_s: float = number(0.0, 0.0, 60.0)
    precision: str = choice("float32", "float32", "bfloat16")  # of the network in a step; bfloat16 is for accelerators
    patience_epochs: int = number(30, 1, 100_000)  # epochs without a better validation UAR before stopping
    checkpoint_every_epochs: int = number(5, 1, 100_000)
    checkpoints_kept: int = number(2, 1, 1_000)
    valid_fraction: float = number(0.1, 0.01, 0.5)  # of the training clips, held out for validation
    keep: str = choice("best", "best", "last")  # weights of the epoch with the best validation UAR, or of the last one

    def __post_init__(self) -> None:
        check_fields(self, "train")


@dataclasses.dataclass(frozen=True)
class GuardConfig:
    """The collapse guard: when a member counts as collapsed, and the action then."""

    # `recover`: roll back to the last healthy epoch, lower learning rate and gamma, train on.
    action: str = choice("warn", "warn", "stop", "recover")
    after_epochs: int = number(5, 0, 100_000)  # first epochs, which are not checked
    patience_epochs: int = number(3, 1, 100_000)  # consecutive epochs with signs of collapse
    # Of validation clips predicted as one class; at least the true one + 0.3.
    majority_fraction: float = number(0.6, 0.0, 1.0)
    # Entropy of the predicted classes relative to the true ones' that is too low.
    entropy_fraction: float = number(0.6, 0.0, 1.0)
    gradient_norm: float = number(1e-5, 0.0, math.inf)  # below this, gradients have vanished
    rate_factor: float = number(0.5, 0.0, 1.0)  # recover: the learning rate is multiplied by this
    gamma_factor: float = number(0.5, 0.0, 1.0)  # recover: focal gamma is multiplied by this
    max_recoveries: int = number(3, 0, 1_000)  # after this many recoveries, a collapse stops the run

    def __post_init__(self) -> None:
        check_fields(self, "guard")


@dataclasses.dataclass(frozen=True)
class MemberConfig:
    """One member of an ensemble: the values in which it differs from the run."""

    architecture: str = "optimized"
    model: Plain = dataclasses.field(default_factory=dict)
    hyper: Plain = dataclasses.field(default_factory=dict)  # fields of Hyper
    features: Plain = dataclasses.field(default_factory=dict)  # fields of a feature config
    offline_augment: Plain = dataclasses.field(default_factory=dict)


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
    test_corpus: str = ""  # the corpus that protocols `corpus` and `adapted` test on
    labels: str = "own"  # own | four | six | seven | eight | shared: label set, see voxjax/labels.py
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
    # What clips that can't be read do to a run; see `voxjax.data.broken_clips`.
    broken_clips: str = choice("stop", "stop", "skip", "skip_all")
    model: Plain = dataclasses.field(default_factory=dict)
    features: FeatureConfig = dataclasses.field(default_factory=FrameFeatures)
    offline_augment: OfflineAugmentConfig = dataclasses.field(default_factory=OfflineAugmentConfig)
    hyper: Hyper = dataclasses.field(default_factory=Hyper)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)
    guard: GuardConfig = dataclasses.field(default_factory=GuardConfig)
    devices: DevicesConfig = dataclasses.field(default_factory=DevicesConfig)

    def __post_init__(self) -> None:
        check_fields(self, "config")


def config_dict(config: Config) -> Any:
    """The config as an `ml_collections.ConfigDict`, the values of which absl flags can override."""
    from ml_collections import ConfigDict  # imported here, as only commands need it

    return ConfigDict(thaw(config))
