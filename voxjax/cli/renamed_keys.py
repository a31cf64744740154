"""Config keys that were renamed: old dotted key to new, so that an old command or file gets one helpful line."""

import re

RENAMED = {
    "hyper.warmup_share": "hyper.warmup_fraction",
    "hyper.cosine_share": "hyper.cosine_fraction",
    "hyper.floor_share": "hyper.floor_fraction",
    "hyper.mixup_share": "hyper.mixup_probability",
    "hyper.loss_ramp_share": "hyper.loss_ramp_fraction",
    "hyper.ramp_share": "hyper.ramp_fraction",
    "hyper.tuned_rate": "hyper.finetune_rate_scale",
    "hyper.tuned_decay": "hyper.layerwise_rate_decay",
    "hyper.tuned_from": "hyper.unfreeze_fraction",
    "hyper.copy_share": "hyper.offline_augment_probability",
    "hyper.shift_frames": "hyper.time_shift_frames",
    "hyper.noise_share": "hyper.noise_probability",
    "hyper.stretch": "hyper.time_stretch",
    "hyper.warp": "hyper.vtlp",
    "hyper.time_mask_share": "hyper.time_mask_fraction",
    "hyper.frequency_mask_share": "hyper.frequency_mask_fraction",
    "train.valid_share": "train.valid_fraction",
    "guard.commonest_share": "guard.majority_fraction",
    "guard.entropy_share": "guard.entropy_fraction",
    "guard.recoveries": "guard.max_recoveries",
    "members_via": "member_execution",
    "copies": "offline_augment",
}


def new_name(key: str) -> str | None:
    """The new dotted key of an old one, or of a key below it; None if it was not renamed."""
    for old, new in RENAMED.items():
        if key == old or key.startswith(f"{old}."):
            return new + key[len(old) :]
    return None


def in_message(text: str) -> str | None:
    """The new key for the first old name that an error message quotes; None if it quotes none."""
    for word in re.findall(r"['\"](\w+)['\"]", text):
        for old, new in RENAMED.items():
            if word == old.rpartition(".")[2]:
                return new
    return None
