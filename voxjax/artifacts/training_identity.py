"""The recordings and people that a model has learnt from, as a file of its folder."""

import dataclasses
import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Bool, UInt8

from voxjax.artifacts import array_headers
from voxjax.audio import fingerprint
from voxjax.audio.fingerprint import Print
from voxjax.audio.fingerprint_arrays import from_arrays, packed, to_arrays
from voxjax.data.manifest import Manifest

_LARGEST = 2**28  # bytes of all arrays: of half a million clips
_RATES_HZ, _MOST_THINNED = (4_000, 192_000), 1_000
# Types and sizes of the arrays; None is any size.
_ARRAYS: Mapping[str, tuple[str, tuple[int | str | None, ...]]] = {
    "sample_rate_hz": ("int64", ()),
    "digests": ("uint8", ("clips", 32)),
    "people": ("uint8", (None,)),
    "frames": ("int32", ("clips",)),
    "loud": ("uint8", (None,)),
    "words": ("uint32", (None,)),
    "every": ("int32", ()),
}
_THINNED = 3  # one frame in three is kept with a model: 200 to 500 bytes a clip


@dataclasses.dataclass(frozen=True)
class TrainingIdentity:
    """The recordings and people that a model has learnt from or was chosen by.

    `digests` are SHA-256 of decoded samples at `sample_rate_hz`, as uint8 `[n, 32]`; `prints` their thinned
    fingerprints; `people` as `Clip.person`, sorted.
    """

    sample_rate_hz: int
    digests: UInt8[np.ndarray, "clips 32"]
    prints: tuple[Print, ...]
    people: tuple[str, ...]

    def known(self, hashes: Sequence[str], clip_prints: Sequence[Print]) -> Bool[np.ndarray, " clips"]:
        """Whether each clip is one of these recordings, by its samples or its fingerprint: bool `[clips]`.

        Args:
            hashes: of decoded samples at `sample_rate_hz`, in hexadecimal.
            clip_prints: whole fingerprints of the same clips.
        """
        exact = {bytes(row) for row in self.digests}
        found = np.array([bytes.fromhex(one) in exact for one in hashes], bool)
        rest = np.flatnonzero(~found)
        for match in fingerprint.matches_between([clip_prints[int(i)] for i in rest], self.prints):
            found[rest[match.first]] = True
        return found


def of_training(
    manifest: Manifest, hashes: Sequence[str], clip_prints: Sequence[Print], sample_rate_hz: int
) -> TrainingIdentity:
    """The identity of the clips of a manifest.

    Args:
        manifest: the clips, or copies of them.
        hashes: of the decoded samples of their recordings, in hexadecimal.
        clip_prints: whole fingerprints of the same recordings.
        sample_rate_hz: of the decoded samples.
    """
    rows: dict[str, Print] = {}
    for key, one in zip(hashes, clip_prints, strict=True):
        rows.setdefault(key, fingerprint.thinned(one, _THINNED))
    return _identity(sample_rate_hz, rows, {clip.person for clip in manifest.clips})


def united(parts: Sequence[TrainingIdentity]) -> TrainingIdentity:
    """All recordings and people of several identities of one sample rate."""
    rows = {bytes(row).hex(): one for part in parts for row, one in zip(part.digests, part.prints, strict=True)}
    return _identity(parts[0].sample_rate_hz, rows, {person for part in parts for person in part.people})


def to_bytes(identity: TrainingIdentity) -> bytes:
    """The identity as a file of arrays, without pickle."""
    arrays = {
        "sample_rate_hz": np.array(identity.sample_rate_hz, np.int64),
        "digests": identity.digests,
        "people": np.frombuffer("\n".join(identity.people).encode(), np.uint8),
        **to_arrays(identity.prints),
    }
    return packed(arrays)


def from_bytes(content: bytes) -> TrainingIdentity:
    """The identity that `to_bytes` wrote.

    Raises:
        ValueError: at other content.
    """
    headers = array_headers.of_archive(io.BytesIO(content), _LARGEST, compressed=True)
    clips = headers["frames"].shape[0] if "frames" in headers and headers["frames"].shape else 0
    for name, (dtype, shape) in _ARRAYS.items():
        found = headers.pop(name, None)
        wanted = tuple(clips if size == "clips" else size for size in shape)
        if found is None or found.dtype != dtype or len(found.shape) != len(wanted):
            raise ValueError(f"{name}: expected {dtype} {list(wanted)}, found {found}")
        if any(size not in (None, own) for size, own in zip(wanted, found.shape, strict=True)):
            raise ValueError(f"{name}: expected {dtype} {list(wanted)}, found {found}")
    if headers:
        raise ValueError(f"array {min(headers):.80} that nothing uses")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            found_arrays = {name: arrays[name] for name in _ARRAYS}
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(str(error)) from error
    return _checked(found_arrays)


def _checked(found: Mapping[str, np.ndarray]) -> TrainingIdentity:
    """An identity from arrays whose values fit each other.

    Raises:
        ValueError: where they do not.
    """
    rate_hz, every, frames = int(found["sample_rate_hz"]), int(found["every"]), found["frames"].astype(np.int64)
    if not _RATES_HZ[0] <= rate_hz <= _RATES_HZ[1] or not 1 <= every <= _MOST_THINNED:
        raise ValueError(f"fingerprints of one frame in {every} at {rate_hz} Hz")
    total = int(frames.sum())
    if (frames < 0).any() or len(found["loud"]) != -(-total // 8):
        raise ValueError(f"{len(found['loud'])} bytes for {total} frames")
    loud = np.unpackbits(found["loud"], count=total)
    if np.packbits(loud).tobytes() != found["loud"].tobytes():
        raise ValueError("loud frames after the last one")
    if int(loud.sum()) != len(found["words"]):
        raise ValueError(f"{len(found['words'])} words of another number of loud frames")
    people = found["people"].tobytes().decode()
    names = tuple(people.split("\n") if people else ())
    return TrainingIdentity(rate_hz, found["digests"], tuple(from_arrays(found)), names)


def _identity(sample_rate_hz: int, rows: Mapping[str, Print], people: Iterable[str]) -> TrainingIdentity:
    """From fingerprints by the hash of the samples."""
    hashes = sorted(rows)
    digests = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(-1, 32)
    return TrainingIdentity(
        sample_rate_hz, digests, tuple(rows[key] for key in hashes), tuple(sorted({*people} - {""}))
    )
