"""Reports on a trained model over any corpus, on clips that it has not been trained on."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from voxjax import labels
from voxjax.data import corpora
from voxjax.data.manifest import Manifest
from voxjax.errors import VoxJaxError, mismatch
from voxjax.evaluation import results
from voxjax.experiments import robustness
from voxjax.inference.predictor import EmotionPredictor
from voxjax.pipeline import modality_inputs
from voxjax.reporting import run_report


def evaluate(model: Path | None, corpus: str, data_dir: Path | None, workdir: Path, cache: Path) -> dict[str, Any]:
    """Predicts a corpus and writes `workdir/report`.

    Clips that the model was trained on or chosen by are left out, known by their bytes or, in a
    published corpus, by their names. So are clips whose label the model does not know. Both are counted
    in the report's notes.

    Args:
        model: the model folder; None is the default model.
        corpus: a corpus, or several joined by `+`.
        data_dir: holds one folder a corpus.
        workdir: where `report/` is written.
        cache: where corpora that are made are kept.

    Returns:
        The content of `metrics.json`.

    Raises:
        VoxJaxError: at a damaged model, an unreadable clip, or a corpus without unheard clips of known labels.
    """
    predictor = EmotionPredictor(model)
    manifest, notes, protocol = _unseen(predictor, corpora.load(corpus, data_dir, cache), corpus)
    known, left_out = _known(predictor, manifest)
    if left_out:
        notes.append(f"{left_out} clips have labels that the model does not know and are left out.")
    paths = [known.root / clip.path for clip in known.clips]
    found = predictor.predict_many(paths, others=_beside(predictor, known))
    answers = tqdm(found, total=len(paths), desc="clips", unit="clip", disable=None)
    calibrated = np.array([list(answer["probabilities"].values()) for answer in answers])
    place = {label: i for i, label in enumerate(predictor.labels)}
    told = results.ReportInput(
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
            "config": {"model": predictor.model, **{k: v for k, v in predictor.meta.items() if k != "heard"}},
        },
    )
    return run_report.write_report(workdir / "report", told)


def under_disturbance(
    model: Path | None, corpus: str, data_dir: Path | None, workdir: Path, cache: Path, seed: int
) -> list[dict[str, Any]]:
    """The same clips again under noise, reverberation, other levels, bands, coding and speeds.

    Args:
        model, corpus, data_dir, workdir, cache: as for `evaluate`.
        seed: of what is drawn.

    Returns:
        The rows of `workdir/report/robustness.csv`, as `robustness.table`.

    Raises:
        VoxJaxError: as `evaluate` does.
    """
    predictor = EmotionPredictor(model)
    manifest, _, _ = _unseen(predictor, corpora.load(corpus, data_dir, cache), corpus)
    known, _ = _known(predictor, manifest)
    place = {label: i for i, label in enumerate(predictor.labels)}
    truth = np.array([place[clip.emotion] for clip in known.clips])
    clips = robustness.Clips([known.root / c.path for c in known.clips], truth, _beside(predictor, known))
    rows = robustness.table(predictor, clips, seed)
    robustness.write(workdir / "report", rows, f"{predictor.meta['name']} on {corpus}, {len(truth)} clips")
    return rows


def _beside(predictor: EmotionPredictor, manifest: Manifest) -> list[dict[str, str]]:
    """What each clip has of the modalities that the model fuses with the audio."""
    return [modality_inputs.of_clip(clip, manifest.root, predictor.modalities) for clip in manifest.clips]


def _unseen(predictor: EmotionPredictor, manifest: Manifest, corpus: str) -> tuple[Manifest, list[str], str]:
    """The clips that were not trained on, what to say of them, and the protocol's name."""
    meta, heard = predictor.meta, set(predictor.meta["heard"])
    unheard = [i for i, clip in enumerate(manifest.clips) if not corpora.keys(clip) & heard]
    count = len(manifest) - len(unheard)
    if not count:
        return manifest, [f"Trained on {meta['corpus']}, tested on {corpus}."], "corpus"
    if not unheard:
        do = "use clips that it has not heard"
        raise VoxJaxError(mismatch("corpus", "clips that the model was not trained on", "none", do))
    note = f"{count} clips that the model was trained on or chosen by are left out."
    protocol = meta["protocol"] if corpus == meta["corpus"] else "corpus"
    return manifest.select(unheard), [note], protocol


def _known(predictor: EmotionPredictor, manifest: Manifest) -> tuple[Manifest, int]:
    """The clips whose label the model has, if by another word, and how many have none."""
    words = [c.emotion if c.emotion in predictor.labels else labels.common(c.emotion) for c in manifest.clips]
    chosen = [i for i, word in enumerate(words) if word in predictor.labels]
    if not chosen:
        found = ", ".join(manifest.labels)
        do = "rename the labels, or use another model"
        raise VoxJaxError(mismatch("corpus", "one of " + ", ".join(predictor.labels), found, do))
    clips = tuple(dataclasses.replace(manifest.clips[i], emotion=words[i]) for i in chosen)
    return dataclasses.replace(manifest, clips=clips), len(manifest) - len(chosen)
