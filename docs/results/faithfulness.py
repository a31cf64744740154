"""Whether explanations are faithful: deleting what mattered lowers the answer more than deleting at random.

python docs/results/faithfulness.py DATA_DIR docs/results/faithfulness.json

For each clip the default model answers, the patches are ordered by each method, and growing shares of them are lowered
to the clip's noise floor, those first that raised the answer most. Beside it: patches in random order, and the loudest
first. Clips are drawn evenly over emotions and speakers. The patches are those whose sound the model uses.
"""

import json
import pathlib
import sys

import numpy as np

from voxjax.attribution import Division, occlusion, spectral_patches
from voxjax.attribution.integrated_gradients import GradientProgram
from voxjax.audio import features, io
from voxjax.data import corpora
from voxjax.inference.predictor import EmotionPredictor
from voxjax.metrics import soft_voting
from voxjax.storage.paths import cache_dir
from voxjax.storage.provenance import provenance

CLIPS = {"ravdess": 40, "emodb": 14}
MODEL = pathlib.Path(__file__).parents[2] / "checkpoints/whisper_statistics"
KNOWN = {"ravdess": True, "emodb": False}  # whether the model was trained on the corpus
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
DRAWS = 4
STEPS = 24  # of gradients
SEED = 0
RESAMPLES = 10_000


def chosen(clips, count, random):
    """Clips with the emotions in turn, and as many speakers as possible."""
    left, found, used = [clips[i] for i in random.permutation(len(clips))], [], {}
    emotions = sorted({clip.emotion for clip in clips})
    while len(found) < count:
        emotion = emotions[len(found) % len(emotions)]
        best = min((c for c in left if c.emotion == emotion), key=lambda c: used[c.speaker] if c.speaker in used else 0)
        used[best.speaker] = used.setdefault(best.speaker, 0) + 1
        left.remove(best)
        found.append(best)
    return found


def curves(predictor, program, samples, random):
    """Log-probability of the answer, calibrated, over the shares deleted, for each order: lists by order."""
    rate_hz = predictor.sample_rate_hz
    step = round(predictor.longest_window_s * rate_hz / 4)
    clip = spectral_patches.patched(samples, rate_hz, Division(), -(-len(samples) // step) * step)
    parts = [features.trimmed(config, samples) for config in predictor.feature_configs]
    tried = spectral_patches.changeable(clip, slice(min(p.start for p in parts), max(p.stop for p in parts)))
    whole = occlusion.log_probabilities(predictor, clip, np.zeros((1, len(tried)), bool))
    label = int(whole[0].argmax())
    gradients = spectral_patches.patch_sums(clip, program.integrated(clip, samples, label, STEPS).cells).ravel()
    scores = {
        "occlusion": occlusion.effects(predictor, clip, label, tried),
        "gradients": gradients,
        "loudest": spectral_patches.energies(clip).ravel(),
        **{f"random {i}": random.random(len(tried)) for i in range(DRAWS)},
    }
    own = np.flatnonzero(tried)
    removed = []
    for score in scores.values():
        order = own[np.argsort(-score[own], kind="stable")]
        for part in SHARES[1:]:
            row = np.zeros(len(tried), bool)
            row[order[: round(part * len(own))]] = True
            removed.append(row)
    votes = np.concatenate([whole, occlusion.log_probabilities(predictor, clip, np.array(removed))])
    found = np.array([np.log(soft_voting.softmax(one / predictor.temperature)[label]) for one in votes])
    rows = found[1:].reshape(len(scores), len(SHARES) - 1)
    named = {name: np.append(found[0], row) for name, row in zip(scores, rows, strict=True)}
    by_chance = np.mean([named.pop(f"random {i}") for i in range(DRAWS)], axis=0)
    return {**named, "random": by_chance}


def area(curve):
    """Mean fall of the log-probability over shares from 0 to 50 %, in nats."""
    curve = np.asarray(curve)
    return np.trapezoid(curve[..., :1] - curve, SHARES, axis=-1) / SHARES[-1]


def interval(values, random):
    """Mean and its 95 % interval by the bootstrap over clips."""
    means = random.choice(values, (RESAMPLES, len(values))).mean(axis=1)
    return {"mean": float(np.mean(values)), "ci": [float(end) for end in np.quantile(means, [0.025, 0.975])]}


def corpus_row(predictor, program, name, data_dir):
    random = np.random.default_rng(SEED)
    manifest = corpora.load(name, data_dir, cache_dir())
    found = []
    for clip in chosen(manifest.clips, CLIPS[name], random):
        samples = io.read(pathlib.Path(manifest.root) / clip.path, predictor.sample_rate_hz)
        found.append(curves(predictor, program, samples, random))
        print(name, len(found), {order: round(float(area(c)), 2) for order, c in found[-1].items()}, flush=True)
    orders = {}
    by_chance, loudest = (np.array([area(one[order]) for one in found]) for order in ("random", "loudest"))
    for order in found[0]:
        own = np.array([one[order] for one in found])  # [clips, shares]
        fall = area(own)
        orders[order] = {
            "curve": own.mean(axis=0).tolist(),
            "fall": interval(fall, random),
            "more_than_random": interval(fall - by_chance, random),
            "more_than_loudest": interval(fall - loudest, random),
            "clips_above_random": float(np.mean(fall > by_chance)),
        }
    return {"corpus": name, "known_to_the_model": KNOWN[name], "clips": len(found), "orders": orders}


def main():
    data_dir, out = map(pathlib.Path, sys.argv[1:])
    predictor = EmotionPredictor(MODEL)
    program = GradientProgram(predictor)
    rows = [corpus_row(predictor, program, name, data_dir) for name in CLIPS]
    command = "python docs/results/faithfulness.py DATA_DIR docs/results/faithfulness.json"
    common = {
        "model": MODEL.name,
        "seed": SEED,
        "draws": DRAWS,
        "steps": STEPS,
        "division": Division()._asdict(),
    }
    content = {**provenance(), "command": command, **common, "shares": SHARES, "rows": rows}
    out.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
