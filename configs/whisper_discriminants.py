"""Linear discriminants on the hidden units of two encoders, Whisper tiny.en and Whisper base, voting.

python scripts/crossval.py --config=configs/whisper_discriminants.py --protocol=speaker5 --seeds=3 \
    --config.corpus=ravdess --data_dir=DATA --encoder_weights=WEIGHTS --workdir=runs/whisper_discriminants
"""

import pathlib
import runpy

from voxjax.config import MemberConfig
from voxjax.config_schema import thaw

_TINY = pathlib.Path(__file__).with_name("whisper_discriminant.py")


def get_config():
    config = runpy.run_path(str(_TINY))["get_config"]()
    config.name = "whisper_discriminants"
    model = config.model.to_dict()
    base = {"encoder": "whisper_base", "blocks": (2, 3, 4)}
    members = (
        MemberConfig(architecture="lda", model=model),
        MemberConfig(architecture="lda", model=model, features=base),
    )
    config.n_members = len(members)
    config.members = tuple(thaw(member) for member in members)
    return config
