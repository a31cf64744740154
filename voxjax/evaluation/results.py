"""The input of a report: test predictions, and the description of the run."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import numpy as np


class Meta(TypedDict):
    """The description of a run, which every report states."""

    protocol: str
    corpus: str  # several joined by "+"
    model: str
    folds: int
    seeds: list[int]
    chosen_by: str  # the criterion of the epoch, such as "validation UAR"
    train_seconds: float
    parameters: int
    members: list[dict[str, Any]]  # `architecture` and `uar` each; the UAR of a single member is filled in
    config: Mapping[str, Any]  # every value, resolved
    vote: NotRequired[dict[str, Any]]  # of an ensemble: `weights`, `uar`, `accuracy`, `best_member_uar`
    diversity: NotRequired[dict[str, Any]]  # as `metrics.soft_voting.diversity`
    collapse: NotRequired[list[str]]  # warnings of the collapse guard
    diagnostics: NotRequired[list[str]]  # of the learning curves, by `voxjax.evaluation.learning_curve_diagnostics`
    modality_ablation: NotRequired[list[dict[str, Any]]]  # rows of `modalities`, `uar`, `accuracy`, `n`
    enrolment: NotRequired[list[dict[str, Any]]]  # as `enrolment_curve.table`
    adaptation: NotRequired[dict[str, Any]]  # of a trained model: `note`, a sentence, and what it was adapted to
    compiles: NotRequired[int]  # of the training step
    member_execution: NotRequired[str]
    known_speakers: NotRequired[int]  # test speakers that are people that the model was trained on
    named_speakers: NotRequired[int]  # test speakers whose names are given
    trained_on: NotRequired[str]  # corpora, joined by "+", where they differ from those that are tested
    test_corpus: NotRequired[str]  # the corpora that are tested, then
    selection: NotRequired[list[str]]  # sentences on clips left out and labels renamed
    robustness: NotRequired[list[dict[str, Any]]]  # as `experiments.robustness.table`


@dataclasses.dataclass(frozen=True)
class ReportInput:
    """Test predictions of n clips, and the description of the run. Columns have one entry per clip."""

    labels: Sequence[str]  # K names
    clips: Sequence[str]
    speakers: Sequence[str]
    genders: Sequence[str]  # '' where unknown
    folds: Sequence[int] | np.ndarray  # the fold that tested the clip
    truth: np.ndarray  # integer [n]
    logits: np.ndarray  # [n, K], log-probabilities before the temperature
    temperature: float | np.ndarray  # one, or that of each clip's fold, [n]
    meta: Meta
    thresholds: np.ndarray | None = None  # [n, targets], of each clip's fold; None if there are none
    history: Sequence[Mapping[str, Any]] = ()  # as `plots.history`
    own_columns: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)  # of the user's table
    distances: np.ndarray | None = None  # [n], from the training clips, above 1 unlike them; None where unknown
    notes: Sequence[str] = ()  # plain text, such as a corpus's credit and licence
    audio_hashes: Sequence[str] = ()  # of each clip's decoded samples; empty where they are not known
