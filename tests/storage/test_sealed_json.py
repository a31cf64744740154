"""JSON with a digest: equal values are read, changed ones are not."""

import json

import pytest

from voxjax.storage import sealed_json

VALUES = {"rate": 0.003, "name": "\u00e4\ud800", "list": [1, None, True, {"deep": "x"}]}


def test_values_come_back_without_their_digest():
    content = sealed_json.text(VALUES).encode()
    assert sealed_json.parsed(content) == (VALUES, True)
    assert sealed_json.parsed(sealed_json.text({**VALUES, "digest": "old"}).encode()) == (VALUES, True)
    assert json.loads(content)["rate"] == 0.003


def test_a_file_of_before_has_no_digest_and_another_layout_has_the_same():
    assert sealed_json.parsed(json.dumps(VALUES).encode()) == (VALUES, False)
    compact = json.dumps(json.loads(sealed_json.text(VALUES)), separators=(",", ":"))
    assert sealed_json.parsed(compact.encode()) == (VALUES, True)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"\xff{}", b'{"a": NaN}', b"[" * 100_000, b'{"a": 1, "digest": 5}']
)
def test_what_is_no_whole_object_is_damaged(content):
    with pytest.raises(sealed_json.DamagedError):
        sealed_json.parsed(content)


def test_a_flipped_bit_is_damage_or_changes_no_value():
    whole = sealed_json.text(VALUES).encode()
    for at in range(8 * len(whole)):
        data = bytearray(whole)
        data[at // 8] ^= 1 << at % 8
        try:
            values, sealed = sealed_json.parsed(bytes(data))
        except sealed_json.DamagedError:
            continue
        values.pop(next(iter(values.keys() - VALUES.keys()), ""), None)  # the digest under a damaged name
        assert values == VALUES
        assert sealed or b'"digest"' not in data
