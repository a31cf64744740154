"""The page for people, in a browser: upload or record speech, and see its emotions.

voxjax app
voxjax app --model=runs/mine/model --port=8600
voxjax app --runs=runs --data_dir=DATA
"""

from absl import flags

from voxjax.cli import entrypoint

HOST = flags.DEFINE_string("host", "127.0.0.1", "Address to listen on; by default only this machine reaches it.")
PORT = flags.DEFINE_integer("port", 8501, "Port to listen on; 0 for a free one.", 0, 65_535)
MODEL = flags.DEFINE_multi_string("model", [], "Model folder that visitors may choose, as RUN/model.")
RUNS = flags.DEFINE_string("runs", None, "A finished run, or a folder of runs, that visitors may look at.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Holds one folder per corpus, to play the test clips of runs.")
MAX_MEGABYTES = flags.DEFINE_integer("max_megabytes", 24, "Larger files are refused.", 1, 4_000)
MAX_MINUTES = flags.DEFINE_float("max_minutes", 10.0, "Longer recordings are refused.", 0.01, 1_440.0)
MAX_FILES = flags.DEFINE_integer("max_files", 20, "More files at once are refused.", 1, 1_000)
ANSWER_SECONDS = flags.DEFINE_float("answer_seconds", 60.0, "Within which a recording is answered.", 0.1, 86_400.0)
BROWSER = flags.DEFINE_boolean("browser", True, "Opens the page in a browser.")


def main() -> None:
    from voxjax.deploy.page import settings  # imported here, so that --help and wrong use answer at once

    settings.check_installed()
    found = settings.PageSettings(
        models=tuple(MODEL.value),
        max_megabytes=MAX_MEGABYTES.value,
        max_minutes=MAX_MINUTES.value,
        max_files=MAX_FILES.value,
        answer_s=ANSWER_SECONDS.value,
        runs=RUNS.value or "",
        data_dir=DATA_DIR.value or "",
    )
    settings.check_folders(found)
    from voxjax.deploy.page import launch

    launch.run(found, HOST.value, PORT.value, BROWSER.value)


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run(main)
