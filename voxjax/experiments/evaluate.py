"""Reports on a trained model over any corpus, on clips that it was not trained on."""

import collections
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from voxjax import progress
from voxjax.artifacts import model_meta
from voxjax.data import broken_clips, corpora, label_mapping
from voxjax.data.label_mapping import LabelMapping
from voxjax.data.manifest import Manifest, own_columns
from voxjax.errors import VoxJaxError
from voxjax.evaluation import known_speakers
from voxjax.evaluation.known_speakers import KnownSpeakers
from voxjax.evaluation.results import ReportInput
from voxjax.experiments import adaptation, new_clips, robustness, run_folder
from voxjax.experiments.adaptation import Adaptation
from voxjax.inference.predictor import EmotionPredictor, Vote
from voxjax.pipeline import modality_inputs
from voxjax.reporting import run_report
from voxjax.storage.paths import AnyPath


class Request(NamedTuple):
    """A model, and the corpus it is evaluated on."""

    model: AnyPath | None  # the model folder; None is the default model
    corpus: str  # a corpus, or several joined by `+`
    data_dir: Path | None  # holds one folder per corpus
    workdir: AnyPath  # where `report/` is written
    cache: Path  # of generated corpora
    broken_clips: str = "stop"  # a name in `broken_clips.POLICIES`
    robustness_seed: int | None = None  # of the corruptions that the clips are tested under again; None tests no more
    labels: str = "own"  # a name in `label_mapping.LABEL_SETS`
    label_map: str = ""  # as `label_mapping.parse` reads it
    adapt: str | None = None  # as for `adaptation.of`
    enrol: str | None = None  # as for `adaptation.of`


class _TestClips(NamedTuple):
    """The clips that a model may be tested on."""

    manifest: Manifest  # with labels that are tested
    truth: np.ndarray  # int [n], indices into the tested labels
    mapping: LabelMapping
    selection: list[str]  # sentences on clips left out
    protocol: str
    known_speakers: KnownSpeakers
    adaptation: Adaptation | None = None  # None for the model as it is


def evaluate(request: Request) -> Mapping[str, Any]:
    """Predicts a corpus and writes `workdir/report`.

    Clips that the model was trained on or chosen by are left out, whatever their layout, format and name
    (`new_clips.of`). Clips with a label that the model does not have are left out too, unless the request says what
    it counts as. The report counts all of them, and it says how many of the speakers are people that the model was
    trained on. With `robustness_seed` the same clips are tested again under noise, reverberation, other levels, bands,
    coding and speeds, and the report is written again with these figures. With `adapt` or `enrol` the model is adapted
    first, and the report says to what.

    Returns:
        The content of `metrics.json`.

    Raises:
        VoxJaxError: at a damaged model, an unreadable clip, or a corpus without new clips of known labels.
    """
    with run_folder.used_alone(request.workdir):
        return _evaluate(EmotionPredictor(request.model), request)


def _evaluate(predictor: EmotionPredictor, request: Request) -> Mapping[str, Any]:
    """As `evaluate`, in a folder that no other command uses."""
    seeds = "seeds" if "seeds" in predictor.meta else "seed"
    model_meta.require(predictor.model, predictor.meta, "name", "corpus", "protocol", "fold", seeds, "training_clips")
    clips = _adapted(predictor, _test_clips(predictor, request), request)
    if request.robustness_seed is not None:
        adaptation.check_robustness(clips.adaptation)
    test, votes = _predicted(predictor, clips, request.broken_clips)
    report = _report_input(predictor, test, request, votes)
    figures = run_report.write_report(request.workdir / "report", report)
    if request.robustness_seed is None:
        return figures
    rows = _robustness(predictor, test, request, figures["interval_over"])
    more: Any = report.meta | {"robustness": rows}
    return run_report.write_report(request.workdir / "report", dataclasses.replace(report, meta=more))


def _report_input(
    predictor: EmotionPredictor, test: _TestClips, request: Request, votes: Sequence[Vote]
) -> ReportInput:
    logits = np.array([vote.log_probabilities for vote in votes])
    if test.mapping.changes_answers:
        logits = label_mapping.merged(logits, predictor.temperature, test.mapping.membership)
    distances = np.array([vote.distance for vote in votes])
    clips = test.manifest.clips
    meta: Any = {
        "protocol": test.protocol,
        "corpus": request.corpus,
        "model": predictor.meta["name"],
        "folds": 1,
        "seeds": predictor.meta["seeds"] if "seeds" in predictor.meta else [predictor.meta["seed"]],
        "chosen_by": "trained before",
        "train_seconds": 0.0,
        "parameters": predictor.parameters,
        "members": [],
        "trained_on": predictor.meta["corpus"],
        "test_corpus": request.corpus,
        "selection": test.selection,
        **test.known_speakers.fields(),
        **({"adaptation": test.adaptation.fields} if test.adaptation else {}),
        "config": {
            "model": predictor.model,
            "labels": request.labels,
            "map": request.label_map,
            "adapt": request.adapt,
            "enrol": request.enrol,
            **{key: value for key, value in predictor.meta.items() if key != "training_clips"},
        },
    }
    return ReportInput(
        labels=test.mapping.labels,
        clips=[clip.clip_id for clip in clips],
        speakers=[clip.speaker for clip in clips],
        genders=[clip.gender for clip in clips],
        own_columns=own_columns(clips),
        folds=np.full(len(clips), predictor.meta["fold"]),
        truth=test.truth,
        logits=logits,
        temperature=predictor.temperature,
        notes=corpora.notes(request.corpus),
        distances=distances if np.isfinite(distances).all() else None,
        audio_hashes=[clip.content_hash for clip in clips],
        meta=meta,
    )


def _robustness(
    predictor: EmotionPredictor, test: _TestClips, request: Request, interval_over: str
) -> list[dict[str, Any]]:
    """The rows of `report/robustness.csv`, which is written with its picture."""
    manifest = test.manifest
    units = {"speakers": manifest.speakers, "clips": tuple(clip.clip_id for clip in manifest.clips)}[interval_over]
    clips = robustness.Clips(
        _paths(test), test.truth, _modality_inputs(predictor, test), units, test.mapping.membership
    )
    answering = test.adaptation.predictors()[0] if test.adaptation else predictor
    rows = robustness.table(answering, clips, request.robustness_seed or 0, request.broken_clips)
    title = f"{predictor.meta['name']} on {request.corpus}, {len(test.truth)} clips"
    robustness.write(request.workdir / "report", rows, title)
    return rows


def _predicted(predictor: EmotionPredictor, test: _TestClips, policy: str) -> tuple[_TestClips, list[Vote]]:
    """The clips that can be read, and the vote on each."""
    broken: list[str] = []

    def on_error(source: Any, error: VoxJaxError) -> None:
        broken.append(str(error))
        if policy == "stop":
            broken_clips.handle(broken, policy)

    answers = _votes(predictor, test, on_error)
    votes = dict(progress.over(answers, len(test.truth), "predicting", "clip"))
    kept = [i for i in range(len(votes)) if votes[i] is not None]
    manifest = test.manifest.select(kept)
    broken_clips.handle(broken, policy)
    broken_clips.check_nothing_vanished(test.manifest, manifest, policy)
    selection = [*test.selection, broken_clips.note(len(broken))] if broken else test.selection
    return test._replace(manifest=manifest, truth=test.truth[kept], selection=selection), [votes[i] for i in kept]


def _votes(
    predictor: EmotionPredictor, test: _TestClips, on_error: Callable[[Any, VoxJaxError], None]
) -> Iterator[tuple[int, Vote]]:
    """The place of each clip and the vote on it, by the predictor for its speaker."""
    predictors = test.adaptation.predictors() if test.adaptation else [predictor] * len(test.truth)
    paths, inputs = _paths(test), _modality_inputs(predictor, test)
    for one in dict.fromkeys(predictors):
        own = [i for i, answering in enumerate(predictors) if answering is one]
        yield from zip(own, one.votes([paths[i] for i in own], [inputs[i] for i in own], on_error), strict=True)


def _adapted(predictor: EmotionPredictor, test: _TestClips, request: Request) -> _TestClips:
    """The clips that are tested once the model is adapted, if that is asked for."""
    found = adaptation.of(predictor, test.manifest, request.adapt, request.enrol)
    if found is None:
        return test
    gone = len(test.manifest) - len(found.manifest)
    notes = [f"{gone} clips that the model is adapted to are left out."] if gone else []
    return test._replace(
        manifest=found.manifest,
        truth=test.truth[found.kept],
        selection=[*test.selection, *notes],
        protocol=adaptation.protocol(test.protocol, found.fields["adapt"]),
        adaptation=found,
    )


def _paths(test: _TestClips) -> list[Path]:
    return [test.manifest.root / clip.path for clip in test.manifest.clips]


def _modality_inputs(predictor: EmotionPredictor, test: _TestClips) -> list[dict[str, str]]:
    """The modalities other than the audio of each clip that the model fuses."""
    root = test.manifest.root
    return [modality_inputs.of_clip(clip, root, predictor.modalities) for clip in test.manifest.clips]


def _test_clips(predictor: EmotionPredictor, request: Request) -> _TestClips:
    """The clips of the corpus that the model was not trained on and that have a label which is tested."""
    manifest = corpora.load(request.corpus, request.data_dir, request.cache)
    renames = label_mapping.parse(request.label_map)
    mapping = label_mapping.of(predictor.labels, manifest.labels, request.labels, renames)
    counts = collections.Counter(clip.emotion for clip in manifest.clips)
    tested = _relabelled(manifest, mapping)  # before clips are decoded
    new = new_clips.of(predictor, tested, request.cache, request.broken_clips)
    index = {label: i for i, label in enumerate(mapping.labels)}
    truth = np.array([index[clip.emotion] for clip in new.manifest.clips])
    speakers = known_speakers.count(new.people, new.manifest.clips)
    own = new.left_out and request.corpus == predictor.meta["corpus"]
    protocol = known_speakers.protocol(predictor.meta["protocol"] if own else "corpus", speakers)
    selection = [*new.notes, *mapping.notes(counts)]
    return _TestClips(new.manifest, truth, mapping, selection, protocol, speakers)


def _relabelled(manifest: Manifest, mapping: LabelMapping) -> Manifest:
    """The clips that are tested, with the labels that they count as."""
    named = ((clip, mapping.of_clips[clip.emotion]) for clip in manifest.clips)
    clips = tuple(dataclasses.replace(clip, emotion=label) for clip, label in named if label)
    return dataclasses.replace(manifest, clips=clips)
