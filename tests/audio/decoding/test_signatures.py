"""Files that are not read are named by their content, with what to do."""

import sys

import pytest

from tests.encoded import decode
from voxjax.audio.io import AudioError, read

FILES = [
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 72862\n", "git lfs pull"),
    (b"/annex/objects/SHA256E-s72862--abc.wav\n", "git annex get"),
    (b"<!DOCTYPE html><html><body>404</body></html>", r"text, a web page \(HTML\)"),
    (b'\n{"error": "not found"}', r"text \(JSON\)"),
    (b'<?xml version="1.0"?><Error/>', "text .XML"),
    ("Größe: fünf\n".encode() * 100, "found text"),
    ("Größe".encode("utf-16"), "found text"),
    (b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(900), r"\.m4a, \.mp4.*ffmpeg -i"),
    (b"\0\0\0\x20ftypisom\0\0\0\0" + bytes(900), r"\.m4a, \.mp4.*ffmpeg -i"),
    (b"\0\0\0\x20ftypM4P \0\0\0\0" + bytes(900), "copy-protected"),
    (b"\xff\xf1\x50\x80" + bytes(900), "found AAC; convert it: ffmpeg"),
    (b"#!AMR\n" + bytes(900), "found AMR"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(900), "Windows Media"),
    (b"\x1a\x45\xdf\xa3" + bytes(900), "Matroska or WebM"),
    (b"PK\3\4" + bytes(900), "a ZIP archive; unpack it"),
    (bytes(2_000), "a readable sound file"),
    (b"ID3\3\0\0\0\0\1\0" + bytes(128) + b"\0\0\0\x20ftypM4A " + bytes(500), r"\.m4a"),
]


@pytest.mark.parametrize(("data", "message"), FILES, ids=range(len(FILES)))
@pytest.mark.parametrize("suffix", [".wav", ".mp3", ""])
def test_it_is_named_whatever_its_suffix(tmp_path, monkeypatch, data, message, suffix):
    monkeypatch.setitem(sys.modules, "av", None)
    path = tmp_path / f"speech{suffix}"
    path.write_bytes(data)
    with pytest.raises(AudioError, match=message) as caught:
        read(path, 16_000)
    assert str(caught.value).startswith(f"{path}: expected ") and "\n" not in str(caught.value)
    assert ("pip install 'voxjax[video]'" in str(caught.value)) == ("convert it: ffmpeg" in str(caught.value))


def test_a_header_of_text_is_a_sound_where_its_format_has_one():
    with pytest.raises(AudioError, match="a readable sound file"):
        decode(b"NIST_1A\n   1024\n" + b" " * 1_008)
