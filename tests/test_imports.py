"""Which module may import which: only those below it, and large libraries only in their places."""

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent

# From top to bottom; a module imports from its own row and from those below.
ROWS = (
    ("scripts", "configs"),
    ("voxjax.cli", "voxjax.__main__"),
    ("voxjax.experiments", "voxjax.benchmarks", "voxjax.deploy"),
    ("voxjax.reporting",),
    ("voxjax.evaluation",),
    ("voxjax.attribution",),
    ("voxjax.inference",),
    ("voxjax.pipeline",),
    ("voxjax.train",),
    ("voxjax.artifacts",),
    ("voxjax.models",),
    ("voxjax.losses", "voxjax.optim"),
    ("voxjax.modalities",),
    ("voxjax.downloads",),
    ("voxjax.encoders",),
    ("voxjax.metrics",),
    ("voxjax.data",),
    ("voxjax.annotation",),
    ("voxjax.audio",),
    ("voxjax.storage",),
    ("voxjax.config",),
    (
        "voxjax.feature_config",
        "voxjax.config_schema",
        "voxjax.labels",
        "voxjax.names",
        "voxjax.progress",
        "voxjax.errors",
        "voxjax.interruption",
        "voxjax.version",
    ),
)
# Libraries, and the places that may import them.
CONFINED = {
    "flax": ("voxjax.models", "voxjax.encoders"),
    "orbax": ("voxjax.artifacts.checkpoint",),
    "librosa": ("voxjax.audio", "voxjax.benchmarks.peers.librosa_features"),
    "torch": ("voxjax.benchmarks.peers.torch_step",),
    "keras": ("voxjax.benchmarks.peers.keras_step",),
    "tensorflow": ("voxjax.benchmarks.peers.keras_step",),
    "soundfile": ("voxjax.audio", "voxjax.data", "voxjax.benchmarks.soak", "voxjax.benchmarks.first_answers"),
    "av": ("voxjax.audio.decoding.av_container", "voxjax.benchmarks.soak.containers"),
    "tensorboardX": ("voxjax.experiments.tensorboard",),
    "matplotlib": (
        "voxjax.reporting.plots",
        "voxjax.reporting.robustness_plot",
        "voxjax.reporting.enrolment_plot",
        "voxjax.reporting.attribution_plot",
        "voxjax.reporting.corpus_plots",
        "voxjax.reporting.timeline_plot",
        "voxjax.reporting.fonts",
    ),
    **dict.fromkeys(("fastapi", "starlette", "pydantic", "uvicorn", "prometheus_client"), ("voxjax.deploy.service",)),
    "streamlit": ("voxjax.deploy.page",),
    "absl": ("voxjax.cli", "voxjax.pipeline.encoder_weights"),
    "praatio": ("voxjax.inference.timeline_formats.textgrid",),
    "pympi": ("voxjax.inference.timeline_formats.eaf",),
    "safetensors": ("voxjax.encoders.tensors", "voxjax.artifacts.array_files"),
    "onnx": ("voxjax.deploy.jaxpr_to_onnx",),
    "onnxruntime": ("voxjax.deploy.onnx_file",),
    "urllib3": ("voxjax.downloads.http", "voxjax.downloads.connections"),
    "huggingface_hub": ("voxjax.downloads.hub",),
    "tqdm": ("voxjax.progress",),
    "jinja2": ("voxjax.reporting.html",),
    "platformdirs": ("voxjax.storage.paths",),
    "ml_collections": ("configs", "voxjax.config", "voxjax.cli"),
}
PURE = ("voxjax.train", "voxjax.models", "voxjax.losses", "voxjax.optim")  # do not read files
LIGHT = ("voxjax", "voxjax.labels", "voxjax.errors")  # must not start JAX


def module_name(path, root):
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree, known):
    """Full names of the modules that a tree imports, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they lead"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else node.module


def modules(root):
    files = [path for part in ("voxjax", "scripts", "configs") for path in sorted((root / part).rglob("*.py"))]
    return {module_name(path, root): ast.parse(path.read_text()) for path in files}


def inside(name, places):
    return any(name == place or name.startswith(f"{place}.") for place in places)


def row(name):
    return next((i for i, places in enumerate(ROWS) if inside(name, places)), None)


def violations(root):
    """Every import that breaks a rule, as `module -> imported`."""
    trees = modules(root)
    for name, tree in trees.items():
        for other in imported(tree, trees):
            library = other.partition(".")[0]
            upward = row(name) is not None and row(other) is not None and row(other) < row(name)
            stray = library in CONFINED and not inside(name, CONFINED[library])
            files = inside(name, PURE) and library in (
                "pathlib",
                "os",
                "io",
                "tempfile",
                "shutil",
                "json",
                "csv",
            )
            pickled = library in ("pickle", "joblib", "dill", "shelve")
            if upward or stray or files or pickled:
                yield f"{name} -> {other}"


def test_modules_import_only_from_below_and_libraries_only_in_their_places():
    assert list(violations(ROOT)) == []


def test_every_module_has_a_row():
    homeless = [name for name in modules(ROOT) if row(name) is None]
    assert homeless == ["voxjax"]


@pytest.mark.parametrize(
    ("place", "line", "found"),
    [
        ("voxjax/audio/dsp.py", "from voxjax.data import store", "voxjax.audio.dsp -> voxjax.data.store"),
        ("voxjax/losses.py", "def f():\n    import voxjax.models", "voxjax.losses -> voxjax.models"),
        ("voxjax/train/step.py", "from flax import linen", "voxjax.train.step -> flax"),
        ("voxjax/models/layers.py", "import pathlib", "voxjax.models.layers -> pathlib"),
        (
            "voxjax/experiments/session.py",
            "import orbax.checkpoint as o",
            "voxjax.experiments.session -> orbax.checkpoint",
        ),
        ("voxjax/config.py", "from voxjax import labels, losses", "voxjax.config -> voxjax.losses"),
        ("scripts/train.py", "import pickle", "scripts.train -> pickle"),
    ],
)
def test_a_planted_violation_is_found(tmp_path, place, line, found):
    for name in modules(ROOT):  # the same modules, empty
        path = tmp_path / pathlib.Path(*name.split(".")).with_suffix(".py")
        if (ROOT / path.relative_to(tmp_path)).exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        else:
            (tmp_path / pathlib.Path(*name.split("."))).mkdir(parents=True, exist_ok=True)
            (tmp_path / pathlib.Path(*name.split(".")) / "__init__.py").write_text("")
    assert list(violations(tmp_path)) == []
    (tmp_path / place).write_text(line)
    assert list(violations(tmp_path)) == [found]


def fresh(code):
    """The output of a new interpreter."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()


def test_importing_the_package_imports_no_large_library():
    code = f"import sys, {', '.join(LIGHT)}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    assert not {"jax", "numpy", "flax", "librosa", "absl"} & set(fresh(code))


def test_the_predictor_imports_nothing_that_only_training_or_commands_need():
    code = """
import sys
from voxjax import EmotionPredictor
from absl import flags  # Flax imports it, but nobody may define flags
own = [name for name in flags.FLAGS.flags_by_module_dict() if name.startswith("voxjax")]
print(EmotionPredictor.__name__, len(own), *sys.modules)
"""
    name, own_flags, *loaded = fresh(code)
    assert name == "EmotionPredictor" and own_flags == "0"
    above = ("cli", "experiments", "benchmarks", "reporting", "evaluation", "pipeline", "train")
    assert not [module for module in loaded if inside(module, [f"voxjax.{room}" for room in above])]
    heavy = {
        "librosa",
        "scipy.signal",
        "scipy.special",
        "sklearn",
        "matplotlib",
        "orbax",
        "optax",
        "tensorboardX",
        "av",
    }
    assert not heavy & set(loaded)


def test_the_environment_is_read_in_one_module_and_flags_in_the_command_line():
    readers = {
        name
        for name, tree in modules(ROOT).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }
    assert readers == {"voxjax.storage.paths"}


def opens_text_without_encoding(node):
    """Whether a call opens a text file in the locale's encoding."""
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
    modes = [*texts, *(keyword.value.value for keyword in node.keywords if keyword.arg == "mode")]
    binary = any(isinstance(mode, str) and "b" in mode for mode in modes)
    encoded = "utf-8" in texts or any(keyword.arg == "encoding" for keyword in node.keywords)
    own = not (
        isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) in ("os", "tarfile", "opened", "av")
    )
    return own and name in ("open", "read_text", "write_text") and not binary and not encoded


def test_text_files_are_opened_as_utf_8():
    found = [
        f"{name}, line {node.lineno}"
        for name, tree in modules(ROOT).items()
        for node in ast.walk(tree)
        if opens_text_without_encoding(node)
    ]
    assert found == []


def test_no_package_holds_more_than_15_percent_of_the_lines():
    lines = {}
    for path in (ROOT / "voxjax").rglob("*.py"):
        room = path.relative_to(ROOT / "voxjax").parts[0]
        lines[room] = lines.setdefault(room, 0) + len(path.read_text().splitlines())
    total = sum(lines.values())
    assert {room: round(n / total, 3) for room, n in lines.items() if n > 0.15 * total} == {}
