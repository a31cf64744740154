"""Reports on a trained model over any corpus, on clips that it has not been trained on."""

from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from voxjax.data import corpora, splits
from voxjax.data.manifest import Manifest
from voxjax.edges import report
from voxjax.edges.predict import EmotionPredictor
from voxjax.errors import VoxJaxError, mismatch


def evaluate(model: Path | None, corpus: str, data_dir: Path | None, workdir: Path, cache: Path) -> dict[str, Any]:
    """Predicts a corpus and writes `workdir/report`.

    Of a corpus that the model was trained on, only the test side of its own split is used. Clips whose
    label the model does not know are left out and counted in the report's notes.

    Args:
        model: the model folder; None is the default model.
        corpus: a corpus, or several joined by `+`.
        data_dir: holds one folder a corpus.
        workdir: where `report/` is written.
        cache: where corpora that are made are kept.

    Returns:
        The content of `metrics.json`.

    Raises:
        VoxJaxError: at a damaged model, an unreadable clip, or a corpus that shares no label with the model.
    """
    predictor = EmotionPredictor(model)
    manifest, notes, protocol = _unseen(predictor, corpora.load(corpus, data_dir, cache), corpus)
    known, left_out = _known(predictor, manifest)
    if left_out:
        notes.append(f"{left_out} clips have labels that the model does not know and are left out.")
    paths = [known.root / clip.path for clip in known.clips]
    answers = tqdm(predictor.predict_many(paths), total=len(paths), desc="clips", unit="clip", disable=None)
    calibrated = np.array([list(answer["probabilities"].values()) for answer in answers])
    place = {label: i for i, label in enumerate(predictor.labels)}
    told = report.ReportInput(
        labels=predictor.labels,
        clips=[clip.path for clip in known.clips],
        speakers=[clip.speaker for clip in known.clips],
        genders=[clip.gender for clip in known.clips],
        folds=np.full(len(known), predictor.meta["fold"]),
        truth=np.array([place[clip.emotion] for clip in known.clips]),
        logits=predictor.temperature * np.log(np.maximum(calibrated, 1e-30)),
        temperature=predictor.temperature,
        notes=[*notes, *corpora.notes(corpus)],
        meta={
            "protocol": protocol,
            "corpus": corpus,
            "model": predictor.meta["name"],
            "folds": 1,
            "seeds": [predictor.meta["seed"]],
            "chosen_by": "trained before",
            "train_seconds": 0.0,
            "parameters": predictor.parameters,
            "members": [],
            "config": {"model": predictor.model, **predictor.meta},
        },
    )
    return report.write_report(workdir / "report", told)


def _unseen(predictor: EmotionPredictor, manifest: Manifest, corpus: str) -> tuple[Manifest, list[str], str]:
    """The clips that were not trained on, what to say of them, and the protocol's name."""
    meta = predictor.meta
    trained_on = set(meta["corpus"].split("+"))
    if not trained_on & set(corpus.split("+")):
        return manifest, [f"Trained on {meta['corpus']}, tested on {corpus}."], "corpus"
    if trained_on != set(corpus.split("+")):
        do = "evaluate on that corpus alone, or on others alone"
        raise VoxJaxError(mismatch("corpus", f"{meta['corpus']} alone, or none of it", corpus, do))
    split = splits.split(manifest, meta["protocol"], meta["fold"], 0.1, 0)
    note = f"The model was trained on this corpus: only the test side of fold {meta['fold']} is used."
    return manifest.select(split.test), [note], meta["protocol"]


def _known(predictor: EmotionPredictor, manifest: Manifest) -> tuple[Manifest, int]:
    """The clips whose label the model has, and how many have not."""
    chosen = [i for i, clip in enumerate(manifest.clips) if clip.emotion in predictor.labels]
    if not chosen:
        found = ", ".join(manifest.labels)
        do = "rename the labels, or use another model"
        raise VoxJaxError(mismatch("corpus", "one of " + ", ".join(predictor.labels), found, do))
    return manifest.select(chosen), len(manifest) - len(chosen)
