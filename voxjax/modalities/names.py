"""Names of modalities."""

AUDIO = "audio"
