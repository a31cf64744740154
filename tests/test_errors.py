"""Messages of errors are one line."""

from voxjax.errors import mismatch


def test_a_message_is_one_line_whatever_it_names():
    text = mismatch("a\nb", "böse – 1", "x\r\x1b[2J\u2028\ud800", "do\tit")
    assert text == "a\\nb: expected böse – 1, found x\\r\\x1b[2J\\u2028\\ud800; do\\tit" and text.isprintable()
    assert mismatch("a", 1, 2.5, "change it") == "a: expected 1, found 2.5; change it"
