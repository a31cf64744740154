"""Temperature scaling: one number, fitted on validation clips, that calibrates probabilities."""

import numpy as np
from jaxtyping import Float, Int
from scipy import optimize, special

_LOW, _HIGH = 0.05, 20.0  # far beyond the temperatures of trained models
_PRIOR_CLIPS = 40.0  # chosen on training speakers: docs/evaluation.md


def fit_temperature(logits: Float[np.ndarray, "clips K"], targets: Int[np.ndarray, " clips"]) -> float:
    """The temperature that minimises the loss of validation clips (Guo et al. 2017).

    A log-normal prior around 1, with the weight of about 40 clips, limits overfitting to a small validation set, or to
    one of a single speaker. The loss on the validation clips is never above that at a temperature of 1.

    Args:
        logits: `[clips, K]`, finite, of validation clips.
        targets: integer `[clips]`, their true classes.

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


def calibrated_probabilities(
    logits: Float[np.ndarray, "*shape K"], temperature: float | Float[np.ndarray, "*#shape 1"]
) -> Float[np.ndarray, "*shape K"]:
    """Calibrated probabilities: softmax of `logits / temperature`, `[..., K] -> [..., K]`.

    The temperature may be one number, or one for each row, `[..., 1]`. The most probable class stays the same.
    """
    return special.softmax(np.asarray(logits, np.float64) / temperature, axis=-1)


def nll(logits: Float[np.ndarray, "clips K"], targets: Int[np.ndarray, " clips"]) -> float:
    """Mean negative log-likelihood in nats: `[clips, K], [clips] -> []`."""
    log_p = special.log_softmax(np.asarray(logits, np.float64), axis=-1)
    return float(-np.mean(log_p[np.arange(len(targets)), targets]))
