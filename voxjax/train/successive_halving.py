"""Successive halving (Jamieson & Talwalkar 2016): at some epochs the worse half of the members is frozen for good."""

from voxjax.train.run_state import Progress, Setup, stopped


def rungs(members: int, epochs: int, first: int) -> tuple[int, ...]:
    """Epochs after which half the members are dropped: `first`, and each time twice as many, until one is left."""
    found: list[int] = []
    while members > 1 and first < epochs:
        found.append(first)
        members, first = -(-members // 2), 2 * first
    return tuple(found)


def drop(setup: Setup, progress: Progress) -> Progress:
    """Freezes the worse half of those that still learn, where this epoch is one of the setup's rungs.

    Of equal validation UARs the lower validation loss is better. Of an odd number the larger half stays.
    """
    if progress.epoch not in setup.rungs:
        return progress
    members = list(progress.members)
    going = [i for i, member in enumerate(members) if not stopped(setup.plan, member, progress.epoch)]
    going.sort(key=lambda i: (-members[i].best_uar, members[i].history[-1]["valid_loss"]))
    for i in going[-(-len(going) // 2) :]:
        members[i] = members[i]._replace(dropped=progress.epoch)
    return progress._replace(members=tuple(members))
