"""Trains eight small members over a mesh of the devices that this process is given; run by `test_sharding.py`.

python mesh_worker.py OUT.npz MEMBER DATA
"""

import dataclasses
import re
import sys

import jax
import numpy as np

from tests.train.test_loop import PLAN, fit, setup
from tests.train.test_step import DETERMINISTIC
from voxjax import models
from voxjax.config import FrameFeatures
from voxjax.train import ensemble, loop, sharding, step

MEMBERS = 8
COLLECTIVE = re.compile(r"= \S+ (all-reduce|all-gather|all-to-all|reduce-scatter|collective-permute)[\w-]*\((.*)")


def run_on(member, data):
    """The run on a mesh, each member with its own learning rate; without max pooling, where rounding decides ties."""
    network = models.build("lstm", {"fold": 2, "project": 8, "lstm": (6,), "dense": (6,)}, 4)
    tasks = [step.Task(network, FrameFeatures(mels=16), 4)] * MEMBERS
    hypers = [dataclasses.replace(DETERMINISTIC, learning_rate=1e-3 * (m + 1)) for m in range(MEMBERS)]
    run = setup(dataclasses.replace(PLAN, epochs=2), hypers, tasks=tasks)
    program = ensemble.Program(run.program.groups, sharding.mesh(member, data))
    return run._replace(program=program, clips=sharding.replicate(program, jax.device_get(run.clips)))


def compiled_text(run):
    progress = loop.begin(run)
    groups = run.program.groups
    members = sharding.shard_members(run.program, ensemble.stack(groups, [plan.arrays for plan in run.plans]))
    indices = sharding.shard_batch(run.program, ensemble.stack(groups, [np.arange(4, dtype=np.int32)] * MEMBERS))
    active = sharding.shard_members(run.program, ensemble.stack(groups, [np.array(True)] * MEMBERS))
    return loop.train_step.lower(run.program, run.clips, members, progress.states, indices, active).compile().as_text()


def main(out, member, data):
    run = run_on(member, data)
    text = compiled_text(run)
    progress = fit(run)
    found = {f"loss{m}": [row["train_loss"] for row in one.history] for m, one in enumerate(progress.members)}
    found |= {f"logits{m}": x for m, x in enumerate(loop.best_logits(run, progress, [c.valid for c in run.plans]))}
    lines = [found[0] for found in re.finditer(COLLECTIVE, text)]
    placed = {str(tuple(leaf.sharding.spec)) for leaf in jax.tree.leaves(progress.states)}
    np.savez(out, collectives=lines, donated="input_output_alias" in text, placed=sorted(placed), **found)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
