"""Temperature scaling: one number that makes confidence mean what it says."""

import numpy as np
from scipy import optimize, special

_LOW, _HIGH = 0.05, 20.0  # far outside any temperature that is met
_PRIOR_CLIPS = 40.0  # chosen on training speakers: docs/evaluation.md


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """The temperature that minimises the loss of validation clips (Guo et al. 2017).

    A log-normal prior around 1, worth about 40 clips, keeps a small validation set, or one that a single speaker
    recorded, from being believed too much: what sharpens for one speaker seldom does for the next. The loss on the
    validation clips is never above that at 1.

    Args:
        logits: `[n, K]`, finite, of validation clips.
        targets: integer `[n]`, their true classes.

    Returns:
        The temperature, from 0.05 to 20. Above 1 softens.
    """
    logits = np.asarray(logits, np.float64)

    def objective(log_temperature: float) -> float:
        prior = 0.5 * _PRIOR_CLIPS * log_temperature**2 / len(targets)
        return nll(logits / np.exp(log_temperature), targets) + prior

    best = optimize.minimize_scalar(
        objective, bounds=(np.log(_LOW), np.log(_HIGH)), method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(best.x)) if best.fun < objective(0.0) else 1.0


def calibrated_probabilities(logits: np.ndarray, temperature: float | np.ndarray) -> np.ndarray:
    """Calibrated probabilities: softmax of `logits / temperature`, `[..., K] -> [..., K]`.

    The temperature may be one number, or one for each row, `[..., 1]`. The likeliest class stays.
    """
    return special.softmax(np.asarray(logits, np.float64) / temperature, axis=-1)


def nll(logits: np.ndarray, targets: np.ndarray) -> float:
    """Mean negative log-likelihood in nats: `[n, K], [n] -> []`."""
    log_p = special.log_softmax(np.asarray(logits, np.float64), axis=-1)
    return float(-np.mean(log_p[np.arange(len(targets)), targets]))
