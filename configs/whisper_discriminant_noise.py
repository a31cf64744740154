"""As configs/whisper_discriminant.py, fitted to each clip and to a noisy copy of it, for recordings outside a studio.

python scripts/crossval.py --config=configs/whisper_discriminant_noise.py --protocol=speaker5 --seeds=3 \
    --config.corpus=ravdess --data_dir=DATA --encoder_weights=WEIGHTS --workdir=runs/whisper_discriminant_noise
"""

import pathlib
import runpy


def get_config():
    plain = pathlib.Path(__file__).with_name("whisper_discriminant.py")
    config = runpy.run_path(str(plain))["get_config"]()
    config.name = "whisper_discriminant_noise"
    config.offline_augment.augmentation_factor = 1
    config.offline_augment.methods = ("noise",)
    config.offline_augment.noise_snr_db = (0.0, 30.0)
    return config
