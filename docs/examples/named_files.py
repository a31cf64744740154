"""A corpus in one file: recordings named SPEAKER_EMOTION_TAKE, as anna_happy_3.wav, in DATA/named.

voxjax train --config=docs/examples/named_files.py --data_dir=DATA --workdir=runs/named
"""

import pathlib
import re
import runpy
from pathlib import Path

from voxjax.data.corpora import CORPORA, Corpus, file_names
from voxjax.data.manifest import Clip

NOTE = "Named recordings: made for the manual."
_NAMING = file_names.Naming("named", re.compile(r"([a-z]+)_([a-z]+)_(\d+)"), "anna_happy_3.wav")


def find(data_dir: Path) -> list[Clip]:
    """All clips below `data_dir/named/`.

    Raises:
        VoxJaxError: without any, and at names of another form.
    """
    folder = data_dir / "named"
    clips = []
    for one in file_names.recordings(folder, file_names.audio_files(folder), _NAMING):
        speaker, emotion, take = one.fields.groups()
        clips.append(file_names.clip(data_dir, one.path, "named", speaker, emotion, gender="", repetition=take))
    return clips


CORPORA["named"] = Corpus(find, needs_folder=1, published=0, people="named", note=NOTE, licence="other", languages=())


def get_config():
    config = runpy.run_path(str(pathlib.Path(__file__).with_name("mean_pool.py")))["get_config"]()
    config.name = config.corpus = "named"
    return config
