"""Two commands in one folder: one of them is refused, and the other one's results are as if it had been alone."""

import random
import time
from pathlib import Path
from typing import Any

from voxjax import progress
from voxjax.benchmarks.soak.small_runs import Bench, digest, temporary_files

_WORKS = ("train", "crossval", "predict")


def measure(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Figures of `count` pairs: every other one started together, the rest one after the other by up to two seconds.

    Every third pair is a new command and one that resumes.
    """
    bench, draws = Bench(folder), random.Random(seed)
    whole = {name: bench.unbroken(name, folder / "whole" / name) for name in _WORKS}
    one_ended, one_after_the_other, other, left = 0, 0, [], []
    with progress.bar(count, "pairing", "pair") as bar:
        for trial in range(count):
            name, place = _WORKS[trial % len(_WORKS)], folder / "pairs" / str(trial)
            work, delay_s = bench.works(place)[name], draws.uniform(0.0, 2.0) if trial % 2 else 0.0
            bench.forget_clips()
            forked = draws.random() < 0.5
            first = bench.start(work.first, forked=forked)
            time.sleep(delay_s)
            second = bench.start(work.again if trial % 3 == 2 else work.first, forked=forked)
            codes = [call.ended() for call in (first, second)]
            lines = [
                whole[name].further(call.errors()) for call, code in zip((first, second), codes, strict=True) if code
            ]
            same = digest(place, work) == whole[name].digest
            if set(codes) == {0, 1} and [len(one) for one in lines] == [1] and "at work" in lines[0][0] and same:
                one_ended += 1
            elif same and 1 not in codes:
                one_after_the_other += 1  # the first had ended before the second came to the folder
            else:
                other.append({"run": name, "delay_s": delay_s, "codes": codes, "lines": lines, "same_results": same})
            left += [Path(path).name for path in temporary_files(place)]
            bar.update(1)
    return {
        "pairs": count,
        "one_refused_and_the_results_those_of_one_alone": one_ended,
        "one_after_the_other": one_after_the_other,
        "other": len(other),
        "cases": other,
        "temporary_files_left": len(left),
        "files_left": left,
        "seed": seed,
    }
