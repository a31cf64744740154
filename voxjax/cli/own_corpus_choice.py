"""A config and a protocol for a user's own recordings, where the command line names none; a line says what and why."""

import dataclasses
import logging
import sys
from typing import TYPE_CHECKING, NamedTuple

from voxjax.cli import config_files, config_flag
from voxjax.config import Config

if TYPE_CHECKING:
    from voxjax.data.manifest import Manifest
    from voxjax.pipeline.run_spec import Paths


class Chosen(NamedTuple):
    """What a command runs."""

    config: Config
    all_folds: bool  # the protocol was left open for own recordings, and the model takes seconds or was chosen too


def of_command_line(config: Config, paths: "Paths", protocol: str | None = None) -> Chosen:
    """The config of the flags or, where the user names none for own recordings, one that suits them.

    Prints a line for each choice. What the user names is never changed.

    Args:
        config: of the parsed flags.
        paths: of the flags.
        protocol: of the command's own flag, None where it is not given.

    Raises:
        VoxJaxError: at a corpus that can't be read.
    """
    from voxjax import models  # imported here, so that --help and wrong use answer at once
    from voxjax.pipeline import own_corpus

    overrides = {**config_flag.overrides(), **({"protocol": protocol} if protocol else {})}
    config = dataclasses.replace(config, protocol=protocol or config.protocol)
    name = config_flag.named_in(sys.argv)
    wanted = own_corpus.wants_network(overrides)
    open_config = name is None and not wanted
    open_protocol = "protocol" not in overrides and (name is None or name in config_files.names())
    if not own_corpus.is_own(config.corpus) or config.test_corpus or not (open_config or open_protocol):
        return Chosen(config, False)
    encoder = config_flag.named(own_corpus.WITH_ENCODER, {}).features
    choice = own_corpus.choose(_manifest(config, paths), encoder, paths, open_config, open_protocol)
    if name is None and wanted:
        print(f"config {config.name}: --config.{wanted[0]} is a value of a network (else --config=NAME)")
    print("\n".join(choice.lines), flush=True)
    if choice.config:
        config = config_flag.named(choice.config, overrides)
    if choice.protocol:
        config = dataclasses.replace(config, protocol=choice.protocol)
    quick = models.is_closed_form(config.architecture) and not config.members
    return Chosen(config, (quick or open_config) and open_protocol and "fold" not in overrides)


def _manifest(config: Config, paths: "Paths") -> "Manifest":
    """The corpus, without the warnings that the run itself will print."""
    from voxjax.data import corpora
    from voxjax.pipeline import dataset

    logging.disable(logging.WARNING)
    try:
        return dataset.relabelled(config, corpora.load(config.corpus, paths.data_dir, paths.cache))
    finally:
        logging.disable(logging.NOTSET)
