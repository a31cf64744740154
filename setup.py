"""The packages of the wheel: `voxjax`, with the configs and the default model of the repository inside it."""

from setuptools import find_packages, setup

MAPPED = {"voxjax.configs": "configs", "voxjax.default_model": "checkpoints/whisper_statistics"}

setup(
    packages=[*find_packages(include=["voxjax", "voxjax.*"]), *MAPPED],
    package_dir=MAPPED,
)
