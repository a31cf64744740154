import pytest

from voxjax.errors import VoxJaxError
from voxjax.storage import free_space


def test_free_space_is_checked(tmp_path):
    free_space.check_free_space(tmp_path, 1, "unpacking a.zip")
    with pytest.raises(VoxJaxError, match=r"unpacking a\.zip: expected .* MB free in .*, found .* MB; free some space"):
        free_space.check_free_space(tmp_path, 1 << 60, "unpacking a.zip")
