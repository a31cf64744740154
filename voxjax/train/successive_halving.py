"""Successive halving (Jamieson & Talwalkar 2016): at some epochs the worse half of the members is dropped."""

from voxjax.train.run_state import RunSetup, RunState, stopped


def rungs(members: int, epochs: int, first: int) -> tuple[int, ...]:
    """Epochs after which half the members are dropped: `first`, doubled each time, until one member is left."""
    found: list[int] = []
    while members > 1 and first < epochs:
        found.append(first)
        members, first = -(-members // 2), 2 * first
    return tuple(found)


def drop(setup: RunSetup, run: RunState) -> RunState:
    """The run, in which the worse half of the members still in training is dropped if this epoch is a rung.

    Of equal validation UARs the lower validation loss is better. Of an odd number the larger half stays.
    """
    if run.epoch not in setup.rungs:
        return run
    members = list(run.members)
    training = [i for i, member in enumerate(members) if not stopped(setup.train, member, run.epoch)]
    training.sort(key=lambda i: (-members[i].best_uar, members[i].history[-1]["valid_loss"]))
    for i in training[-(-len(training) // 2) :]:
        members[i] = members[i]._replace(dropped=run.epoch)
    return run._replace(members=tuple(members))
