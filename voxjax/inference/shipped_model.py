"""The model that comes with VoxJAX."""

from pathlib import Path

from voxjax.errors import VoxJaxError, mismatch

DEFAULT_MODEL = "checkpoints/whisper_robust"


def default_model() -> Path:
    """The shipped model: inside the installed package, else in the checkout.

    Raises:
        VoxJaxError: where it is in neither.
    """
    package = Path(__file__).resolve().parents[1]
    places = [package / "default_model", package.parent / DEFAULT_MODEL]
    for place in places:
        if (place / "model.json").is_file():
            return place
    do = "install VoxJAX again, or name a model folder (--model=DIR)"
    raise VoxJaxError(mismatch("model", f"the default model in {places[0]} or {places[1]}", "neither", do))
