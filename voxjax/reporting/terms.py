"""Short definitions of the terms in reports, for readers who do not know them."""

import textwrap
from collections.abc import Sequence

TERMS = {
    "UAR": "unweighted average recall: the fraction of each emotion's clips that is named right, averaged over the "
    "emotions, so that a rare emotion counts as much as a frequent one",
    "accuracy": "the fraction of all clips that is named right",
    "recall": "of the clips of this emotion, the fraction that is named right",
    "precision": "of the clips that are given this name, the fraction that has it",
    "F1": "recall and precision in one figure, their harmonic mean; macro-F1 is its average over the emotions",
    "95% interval": "how far the figure may be off as no more speakers or clips were tested: of 100 such intervals, "
    "about 95 contain the true figure",
    "bootstrap": "the test speakers or clips are drawn again many times, with replacement; the spread of the figure is "
    "its interval",
    "Clopper-Pearson": "the exact interval of a fraction, for few speakers or clips; it counts clips of one speaker as "
    "fewer, as they are alike, and is wide where speakers are few",
    "chance": "the figure of answers that are guessed",
    "confidence": "the probability that the model gives to its own answer",
    "calibration": "of the answers with a confidence of 80%, 80 of 100 should be right; calibration makes them so",
    "ECE": "expected calibration error: how far confidence and accuracy are apart on average; 0% is best",
    "temperature": "one number that the model's scores are divided by, so that confidence fits accuracy; above 1 it "
    "lowers confidence, and it changes no answer",
    "protocol": "the rule by which clips are divided into those to train on and those to test on",
    "fold": "one division of the clips; all folds together test every clip once",
    "seed": "the start of the random numbers; the same seed gives the same result",
    "epoch": "one pass over all training clips",
    "loss": "what training lowers: the mean of −log(probability of the right emotion)",
    "nat": "the unit of the loss, with the natural logarithm; 0.69 nats are a probability of 50%, 2.3 nats of 10%",
    "validation clips": "held out from training to choose the epoch, the temperature and the thresholds; not tested on",
    "parameters": "numbers in the model that training sets",
    "selective prediction": "answers of low confidence are withheld, so that fewer clips are answered, and more of "
    "those rightly",
    "target accuracy": "the accuracy that is wanted among the answers given",
    "member": "one of several models whose probabilities are averaged in a vote",
    "modality": "a kind of input: sound, text, face or physiology",
}


def lines(names: Sequence[str], width: int = 100) -> list[str]:
    """Definitions as lines of text, each term with its own.

    Args:
        names: of `TERMS`.
        width: characters of the longest line.
    """
    return [line for name in names for line in textwrap.wrap(f"{name}: {TERMS[name]}.", width, subsequent_indent="  ")]
