"""What the page serves and allows, and how the command line passes it to the script that Streamlit runs."""

import argparse
import dataclasses
import importlib.util
from collections.abc import Sequence

from voxjax.audio.limits import AudioLimits
from voxjax.config import in_range
from voxjax.deploy.service.settings import ServiceLimits
from voxjax.downloads import hub
from voxjax.errors import UsageError, mismatch
from voxjax.storage.paths import locate

_SERVICE = ServiceLimits()
_FOLDERS = ("runs", "data_dir")


@dataclasses.dataclass(frozen=True)
class PageSettings:
    """What the page serves and allows.

    Attributes:
        models: model folders in addition to the shipped models; the first one is chosen when the page opens.
        max_megabytes: of a file; a megabyte is 2**20 bytes, as Streamlit counts.
        max_minutes: of a recording.
        max_files: that are answered together.
        answer_s: within which a recording is answered, waiting for other visitors included.
        at_once: visitors whose recordings are computed at the same time; a further one waits.
        runs: folder of a finished run, or of several, that visitors may look at; empty for none.
        data_dir: folder of the corpora that the runs were tested on, to play their clips; empty for none.
    """

    models: tuple[str, ...] = ()
    max_megabytes: int = _SERVICE.max_bytes // 2**20 + 1
    max_minutes: float = _SERVICE.max_duration_s / 60.0
    max_files: int = 20
    answer_s: float = _SERVICE.answer_s
    at_once: int = 2
    runs: str = ""
    data_dir: str = ""

    def __post_init__(self) -> None:
        in_range("max_megabytes", self.max_megabytes, 1, 4_000)
        in_range("max_minutes", self.max_minutes, 0.01, 1_440.0)
        in_range("max_files", self.max_files, 1, 1_000)
        in_range("answer_s", self.answer_s, 0.1, 86_400.0)
        in_range("at_once", self.at_once, 1, 1_000)

    def audio(self) -> AudioLimits:
        """The limits on each sound, as the service has them."""
        limits = dataclasses.replace(
            _SERVICE,
            max_bytes=self.max_megabytes * 2**20,
            max_duration_s=60.0 * self.max_minutes,
            answer_s=self.answer_s,
        )
        return limits.audio()

    def arguments(self) -> list[str]:
        """Arguments of the page's script, which `from_arguments` reads."""
        own = [f"--model={path}" for path in self.models]
        own += [f"--{name}={getattr(self, name)}" for name in _FOLDERS if getattr(self, name)]
        return own + [f"--{name}={getattr(self, name)}" for name in _numbers()]


def from_arguments(arguments: Sequence[str]) -> PageSettings:
    """The settings in the arguments of the page's script.

    Raises:
        UsageError: at an unknown argument or a value that is no number.
    """
    parser = argparse.ArgumentParser(exit_on_error=False, add_help=False, allow_abbrev=False)
    parser.add_argument("--model", action="append", default=[])
    for name in _FOLDERS:
        parser.add_argument(f"--{name}", default="")
    for name, kind in _numbers().items():
        parser.add_argument(f"--{name}", type=kind)
    try:
        found, unknown = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise UsageError(mismatch("the page", "a number", str(error), "voxjax app --help lists the flags")) from error
    if unknown:
        raise UsageError(mismatch("the page", "known flags", unknown[0], "voxjax app --help lists them"))
    numbers = {name: getattr(found, name) for name in _numbers() if getattr(found, name) is not None}
    return PageSettings(tuple(found.model), **numbers, **{name: getattr(found, name) for name in _FOLDERS})


def _numbers() -> dict[str, type]:
    """Name and type of each setting that is a number."""
    return {
        one.name: type(one.default) for one in dataclasses.fields(PageSettings) if isinstance(one.default, (int, float))
    }


def check_folders(settings: PageSettings) -> None:
    """Checks that the folders of models, runs and sounds are there; a model on a hub is downloaded.

    Raises:
        UsageError: at a folder that is missing.
        VoxJaxError: as `hub.model_path`.
    """
    for path in settings.models:
        if not (hub.model_path(path) / "model.json").is_file():
            do = "give the folder that training left, as RUN/model"
            raise UsageError(mismatch("--model", "a folder with model.json", f"'{path}'", do))
    for name in _FOLDERS:
        given = getattr(settings, name)
        if given and not locate(given).is_dir():
            raise UsageError(mismatch(f"--{name}", "a folder", f"'{given}', which is not there", "check the path"))


def check_installed() -> None:
    """Checks that Streamlit is there.

    Raises:
        UsageError: where it is missing.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise UsageError(mismatch("voxjax app", "the package of the page", "no streamlit", "pip install 'voxjax[app]'"))
