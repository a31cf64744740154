"""Campaigns of damage: what counts as a fault, and that the files that are read have none."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from voxjax.benchmarks.soak import changed_bytes, damages, watched
from voxjax.benchmarks.soak.damage_targets import Target
from voxjax.errors import VoxJaxError


def printed(code):
    """The JSON that a program prints; in a process of its own, as processes with JAX in them are not to be forked."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_each_way_in_which_an_item_can_fail_is_counted_and_the_rest_goes_on():
    figures = printed("""
        import json, os
        from voxjax.benchmarks.soak import watched
        from voxjax.errors import VoxJaxError

        def raising(error):
            raise error

        watched.MOST_BYTES, watched._LEFT_BYTES, watched.MOST_S = 2**28, 2**28, 0.3
        ways = [
            lambda: None,
            lambda: raising(VoxJaxError("a line")),
            lambda: os.abort(),
            lambda: raising(VoxJaxError("a line\\nand another")),
            lambda: raising(KeyError("x")),
            lambda: raising(watched.WrongResultError("not_finite", "NaN")),
            lambda: len(b"1" * 2**29),
            lambda: sum(range(3 * 10**7)),
            lambda: os._exit(3),
            lambda: None,
        ]
        found = []
        figures = watched.measured(lambda item: ways[item](), len(ways), found.append)
        print(json.dumps({**figures, "items": [one.item for one in found]}))
    """)
    faults = ("other_exceptions", "several_lines", "not_finite", "over_5_s", "over_1_gb")
    assert [figures[name] for name in ("answered", "refused", "signals", "wrong", *faults)] == [2, 1, 2, 0, *[1] * 5]
    assert figures["items"] == [2, 3, 4, 5, 6, 7, 8] and figures["n"] == 10


def test_changed_sound_files_are_read_or_refused(tmp_path):
    figures = printed(f"""
        import json, pathlib
        from voxjax.benchmarks.soak import sounds, watched
        figures = sounds.measure(pathlib.Path({str(tmp_path)!r}), 300, 3)
        print(json.dumps(figures))
    """)
    assert (
        [figures[name] for name in watched.FAULTS] == [0] * 7
        and figures["faults"] == []
        and figures["answered"] > 30
        and figures["refused"] > 100
    )
    assert figures["answered"] + figures["refused"] == figures["n"] == 300 and figures["kinds"] >= 70
    assert not list(tmp_path.iterdir())


def test_a_change_is_repeated_by_its_seed_and_alters_the_file():
    data, sources = bytes(range(200)) * 4, [b"another file", b"x" * 50]
    made = [changed_bytes.changed(np.random.default_rng([5, i]), data, sources) for i in range(200)]
    again = [changed_bytes.changed(np.random.default_rng([5, i]), data, sources) for i in range(200)]
    assert made == again and sum(one != data for one in made) > 190 and max(map(len, made)) <= 2**20


@pytest.mark.parametrize("damage", damages.DAMAGES)
def test_each_kind_of_damage_alters_or_loses_the_file(tmp_path, damage):
    rng = np.random.default_rng(0)
    altered = 0
    for _ in range(8):
        files = [tmp_path / "a", tmp_path / "b"]
        for i, path in enumerate(files):
            path.write_bytes(bytes([i + 1]) * 300)
        damages.DAMAGES[damage](files[0], files, rng)
        altered += not files[0].is_file() or files[0].read_bytes() != bytes([1]) * 300
    assert altered >= 3


def test_outcomes_of_damage_are_kept_apart(tmp_path):
    """A reader that checks nothing is found, and one that raises what it should not."""
    place = tmp_path / "place"
    place.mkdir()
    (place / "file").write_bytes(b"x" * 99)

    def trials(read, **more):
        target = Target("one", place, "*", read, "whole", 1.0, **more)
        rng = np.random.default_rng(1)
        found = {damages._trial(target, tmp_path / "kept", rng)[2] for _ in range(9)}
        assert (place / "file").read_bytes() == b"x" * 99
        return found

    def fail(report):
        raise VoxJaxError("one line")

    def rebuild(report):
        (place / "file").write_bytes(b"anew")
        return "whole"

    assert trials(lambda report: "another") == {"accepted"}
    assert trials(lambda report: {}["x"]) == {"uncaught"}
    assert trials(fail) == {"refused"}
    assert trials(lambda report: "whole") == {"equal"}
    assert "rebuilt" in trials(rebuild)
    assert trials(lambda report: report("a line") or "before", older=("before",)) == {"fell_back"}
    assert trials(lambda report: "before", older=("before",)) == {"accepted"}
