"""To whom a trained model is adapted: flags of the commands that use one."""

from typing import TYPE_CHECKING

from absl import flags

if TYPE_CHECKING:
    from voxjax.inference.enrolment_list import Choice

ENROL = flags.DEFINE_string(
    "enrol",
    None,
    "Known clips that the model is adapted to: a folder, whose clips need no labels; or a CSV file with a column path "
    "and, for people, any of speaker, by which they are named, and label.",
)
ADAPT = flags.DEFINE_enum(
    "adapt",
    None,
    ["speaker", "corpus"],
    "What the clips of --enrol are of: speaker, one person or the people that a list names; corpus, many people, whose "
    "mean and deviation of each feature replace the training corpus's. speaker if not given.",
)


def choice() -> "Choice | None":
    """What is asked for; None for a model as it is.

    Raises:
        UsageError: where clips are missing.
    """
    from voxjax.inference import enrolment_list  # imported here, so that --help is fast

    return enrolment_list.choice(ADAPT.value, ENROL.value)
