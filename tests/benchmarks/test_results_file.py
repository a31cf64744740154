import json

import pytest

from voxjax.benchmarks import results_file
from voxjax.errors import UsageError


def test_a_part_is_replaced_and_the_other_parts_stay(tmp_path):
    path = tmp_path / "figures.json"
    results_file.record(path, "kills", {"runs": 1})
    results_file.record(path, "damages", {"runs": 2})
    results_file.record(path, "kills", {"runs": 3})
    parts = json.loads(path.read_text())
    assert list(parts) == ["damages", "kills"]
    assert (parts["kills"]["runs"], parts["damages"]["runs"]) == (3, 2)
    assert {"voxjax", "command", "device"} <= parts["kills"].keys()


@pytest.mark.parametrize("content", ["[]", "{"])
def test_another_file_is_not_overwritten(tmp_path, content):
    path = tmp_path / "figures.json"
    path.write_text(content)
    with pytest.raises(UsageError, match="a JSON object"):
        results_file.record(path, "kills", {})
    assert path.read_text() == content
