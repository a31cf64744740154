"""The models that visitors may choose, by name: a visitor never names a path."""

import threading
from collections.abc import Mapping
from pathlib import Path

from voxjax.audio.limits import AudioLimits
from voxjax.deploy.page import model_facts
from voxjax.deploy.page.model_facts import ModelFacts
from voxjax.deploy.page.settings import PageSettings
from voxjax.downloads import hub
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.inference.predictor import EmotionPredictor
from voxjax.inference.shipped_model import default_model
from voxjax.storage import bounded_file
from voxjax.storage.paths import locate

_CHECKPOINTS = Path(__file__).resolve().parents[3] / "checkpoints"  # in a checkout
_LARGEST_CARD = 2**17  # bytes
_DEFAULT = "whisper_robust"


class Catalogue:
    """Models by name, each loaded once for all visitors when it is first asked for.

    Args:
        folders: of the models, by name.
        limits: on each sound.
    """

    def __init__(self, folders: Mapping[str, str], limits: AudioLimits) -> None:
        self._folders, self._limits = dict(folders), limits
        self._loaded: dict[str, EmotionPredictor] = {}
        self._locks = {name: threading.Lock() for name in folders}

    @classmethod
    def of(cls, settings: PageSettings) -> "Catalogue":
        """Given models first, then the default model and further ones of a checkout."""
        return cls(folders(settings.models), settings.audio())

    @property
    def names(self) -> list[str]:
        """All names; the first one is chosen when the page opens."""
        return list(self._folders)

    def predictor(self, name: str) -> EmotionPredictor:
        """A model.

        Raises:
            UsageError: at a name that is not in the catalogue.
            VoxJaxError: at a model folder that is missing or damaged.
        """
        if name not in self._folders:
            raise UsageError(mismatch("model", "one of the list", "another name", "choose one"))
        with self._locks[name]:
            if name not in self._loaded:
                self._loaded[name] = EmotionPredictor(self._folders[name], limits=self._limits)
            return self._loaded[name]

    def facts(self, name: str) -> ModelFacts:
        """What is known of a model; as `predictor`, it loads the model."""
        predictor = self.predictor(name)
        return model_facts.of(name, predictor.labels, predictor.meta, _card(self._folders[name]))


def folders(given: tuple[str, ...]) -> dict[str, str]:
    """Folders of models by name: those given, then the shipped ones."""
    found: dict[str, str] = {}
    for path in given:
        found[_free(_name(path), found)] = path
    try:
        shipped = {_DEFAULT: str(default_model())}
    except VoxJaxError:
        shipped = {}
    for model in sorted(_CHECKPOINTS.glob("*/model.json")):
        shipped.setdefault(model.parent.name, str(model.parent))
    return found | {_free(name, found): path for name, path in shipped.items() if path not in found.values()}


def _card(folder: str) -> str:
    """The card of a model, "" where there is none."""
    try:
        path = locate(hub.model_path(folder)) / "README.md"
        return bounded_file.read(path, "a card", _LARGEST_CARD, "remove it").decode("utf-8")
    except (VoxJaxError, UnicodeDecodeError):
        return ""


def _name(path: str) -> str:
    """A name for a model folder: its own, or its run's where it is called `model`."""
    parts = path.rstrip("/").split("/")
    return parts[-2] if parts[-1] == "model" and len(parts) > 1 and parts[-2] else parts[-1]


def _free(name: str, taken: Mapping[str, str]) -> str:
    """The name, with a number where it is taken."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name} ({number})", number + 1
    return found
