"""Files of segments with a given content, and the errors that they get."""

import pytest

from voxjax import annotation
from voxjax.errors import VoxJaxError


@pytest.fixture
def given(tmp_path):
    """The segments of a file with this content."""

    def read(content, name="given.csv", tier=""):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return annotation.read(str(path), tier)

    return read


@pytest.fixture
def error_of(given):
    """The one line that a broken file gets."""

    def read(content, name="given.csv", tier=""):
        with pytest.raises(VoxJaxError) as caught:
            given(content, name, tier)
        message = str(caught.value)
        assert "\n" not in message and name in message and "expected" in message
        return message

    return read
