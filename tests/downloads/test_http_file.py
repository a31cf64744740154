"""Fetching from a real server with real faults: the same bytes in the end, or one clear line."""

import hashlib
import time

import numpy as np
import pytest

from tests import server as servers
from tests.server import Way
from voxjax.downloads import http_file, http_files, http_headers
from voxjax.downloads.http_file import Patience, Remote
from voxjax.errors import UsageError, VoxJaxError
from voxjax.storage import checksum
from voxjax.storage.checksum import Check

CONTENT = np.random.default_rng(0).bytes(300_000)
HURRIED = Patience(timeout_s=0.5, tries=3, first_wait_s=0.01, longest_wait_s=2.0)


@pytest.fixture
def server():
    with servers.running() as running:
        running.files["/a.zip"] = CONTENT
        yield running


@pytest.fixture
def get(server, tmp_path):
    """Fetches `/a.zip` (or another) and returns where it lies; `get.told` is what the progress bar sees."""

    def get(path="/a.zip", size_bytes=300_000, check=None, patience=HURRIED):
        get.told = []
        target = tmp_path / "a.zip"
        remote = Remote("a.zip", server.url + path, size_bytes, check or sha256(CONTENT))
        with http_headers.session() as session:
            http_file.fetch(remote, target, session, patience, get.told.append)
        return target

    return get


def sha256(content):
    return Check("sha256", hashlib.sha256(content).hexdigest())


def left(tmp_path):
    return sorted(path.name for path in tmp_path.iterdir())


def test_a_file_arrives_whole_and_alone(get, server, tmp_path):
    assert get().read_bytes() == CONTENT
    assert left(tmp_path) == ["a.zip"] and sum(get.told) == len(CONTENT)
    get()
    assert len(server.asked) == 1, "what is there and verified is not asked for again"
    assert sum(get.told) == len(CONTENT)


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256", "git"])
def test_checksums_equal_those_of_hashlib_and_git(tmp_path, kind):
    (tmp_path / "a").write_bytes(b"what is up, doc?")  # the example of Pro Git, 10.2, and its hash there
    known = {"git": "bd9dbf5aae1a3862dd1526723246b20206e5fc37"}
    expected = known[kind] if kind in known else hashlib.new(kind, b"what is up, doc?").hexdigest()
    assert checksum.digest(tmp_path / "a", kind) == expected


def test_a_dropped_connection_is_gone_on_with(get, server):
    server.ways["/a.zip"] = [Way(cut=100_000), Way(cut=50_000), Way()]
    assert get().read_bytes() == CONTENT
    assert server.ranges("/a.zip") == ["", "bytes=100000-", "bytes=150000-"]
    assert sum(asked.sent for asked in server.asked) == sum(get.told) == len(CONTENT), "no byte twice"


def test_many_drops_are_no_failure_while_bytes_come(get, server):
    server.ways["/a.zip"] = [Way(cut=20_000)]
    assert get().read_bytes() == CONTENT
    assert len(server.asked) == 15


def test_a_server_without_ranges_is_asked_for_all_again(get, server):
    server.ways["/a.zip"] = [Way(cut=100_000, ranges=0), Way(ranges=0)]
    assert get().read_bytes() == CONTENT
    assert server.ranges("/a.zip") == ["", "bytes=100000-"] and sum(get.told) == len(CONTENT)


def test_a_broken_off_call_is_gone_on_with_by_the_next(get, server, tmp_path):
    server.ways["/a.zip"] = [Way(cut=200_000), Way(status=503)]
    with pytest.raises(VoxJaxError, match="HTTP 503"):
        get()
    assert (tmp_path / "a.zip.part").read_bytes() == CONTENT[:200_000]
    server.ways["/a.zip"] = [Way()]
    assert get().read_bytes() == CONTENT
    assert server.ranges("/a.zip")[-1] == "bytes=200000-" and left(tmp_path) == ["a.zip"]


@pytest.mark.parametrize("tag", [1, 0])
def test_a_file_that_changed_meanwhile_is_begun_afresh(get, server, tmp_path, tag):
    """With a version the server says so; without one the checksum does."""
    old = np.random.default_rng(1).bytes(len(CONTENT))
    server.files["/a.zip"] = old
    server.ways["/a.zip"] = [Way(cut=200_000, tag=tag), Way(status=503)]
    with pytest.raises(VoxJaxError):
        get()
    server.files["/a.zip"] = CONTENT
    server.ways["/a.zip"] = [Way(tag=tag)]
    assert get().read_bytes() == CONTENT
    assert left(tmp_path) == ["a.zip"] and sum(get.told) == len(CONTENT)


def test_a_server_that_ignores_if_range_is_seen_through(get, server):
    server.files["/a.zip"] = CONTENT[:150_000] + bytes(150_000)
    server.ways["/a.zip"] = [Way(cut=200_000, headers=(("ETag", '"old"'),), tag=0), Way(status=503)]
    with pytest.raises(VoxJaxError):
        get()
    server.files["/a.zip"] = CONTENT
    rest = (("ETag", '"new"'), ("Content-Range", "bytes 200000-299999/300000"))
    server.ways["/a.zip"] = [Way(status=206, headers=rest, tag=0), Way()]
    assert get().read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_thrown_away(get, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(bytes(len(CONTENT) + 5))
    assert get().read_bytes() == CONTENT


def test_without_content_length_all_is_read(get, server):
    server.ways["/a.zip"] = [Way(length=0)]
    assert get().read_bytes() == CONTENT


def test_a_silent_end_is_no_whole_file(get, server):
    server.ways["/a.zip"] = [Way(length=0, cut=120_000), Way()]
    assert get().read_bytes() == CONTENT
    assert server.ranges("/a.zip") == ["", "bytes=120000-"]


def test_wrong_bytes_are_refused_and_not_kept(get, server, tmp_path):
    server.files["/a.zip"] = CONTENT[:1000] + bytes([CONTENT[1000] ^ 1]) + CONTENT[1001:]
    with pytest.raises(VoxJaxError) as caught:
        get()
    found = hashlib.sha256(server.files["/a.zip"]).hexdigest()
    start = (
        f"a.zip: expected sha256 {sha256(CONTENT).value}, found {found}; {server.url}/a.zip is damaged or was changed"
    )
    assert str(caught.value).startswith(start) and "by hand" in str(caught.value)
    assert left(tmp_path) == [] and len(server.asked) == 1


def test_another_size_is_refused_before_it_is_fetched(get, server):
    with pytest.raises(VoxJaxError, match="expected 7 bytes, found 300000"):
        get(size_bytes=7)
    assert get.told == [0, 0]


def test_a_wrong_file_in_the_place_is_replaced_only_by_a_right_one(get, server, tmp_path):
    (tmp_path / "a.zip").write_bytes(b"mine")
    server.ways["/a.zip"] = [Way(status=404), Way()]
    with pytest.raises(VoxJaxError):
        get()
    assert (tmp_path / "a.zip").read_bytes() == b"mine"
    assert get().read_bytes() == CONTENT


def test_redirects_are_followed(get, server):
    server.ways["/old"] = [Way(status=302, headers=(("Location", "/a.zip"),))]
    assert get("/old").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("target", "said"),
    [("/loop", "Exceeded 10 redirects"), ("file:///etc/hostname", "No connection adapters"), ("ftp://h/x", "adapters")],
)
def test_redirects_in_a_loop_or_to_other_places_are_refused(get, server, tmp_path, target, said):
    server.ways["/loop"] = [Way(status=301, headers=(("Location", target),))]
    with pytest.raises(VoxJaxError, match=said):
        get("/loop")
    assert left(tmp_path) == []


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_told_at_once(get, server, status):
    server.ways["/a.zip"] = [Way(status=status)]
    with pytest.raises(VoxJaxError, match=rf"a.zip: expected to be given {server.url}/a.zip, found HTTP {status} "):
        get()
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_trouble_is_waited_out(get, server, status):
    server.ways["/a.zip"] = [Way(status=status), Way(status=status), Way()]
    assert get().read_bytes() == CONTENT


def test_a_host_that_asks_to_wait_is_obeyed_but_not_for_ever(get, server):
    server.ways["/a.zip"] = [Way(status=429, headers=(("Retry-After", "1"),)), Way()]
    start = time.monotonic()
    get()
    assert time.monotonic() - start >= 1.0
    server.ways["/b.zip"] = [Way(status=429, headers=(("Retry-After", "3600"),))]
    with pytest.raises(VoxJaxError, match="which asks for 3600 s of patience, found HTTP 429"):
        get("/b.zip", check=sha256(b"other"))


def test_a_date_to_wait_for_is_understood(get, server):
    past = (("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"),)
    far = (("Retry-After", "Wed, 21 Oct 2099 07:28:00 GMT"),)
    server.ways["/a.zip"] = [Way(status=503, headers=past), Way(status=503, headers=far)]
    with pytest.raises(VoxJaxError, match=r"asks for \d{9,} s"):
        get()


def test_a_silent_host_is_given_up_a_slow_one_is_not(get, server):
    server.ways["/a.zip"] = [Way(stall_s=1.0)]
    with pytest.raises(VoxJaxError, match=r"(?i)timed out"):
        get(patience=HURRIED._replace(timeout_s=0.1, tries=2))
    server.ways["/a.zip"] = [Way(piece=30_000, pace_s=0.05)]
    assert get(patience=HURRIED._replace(timeout_s=0.3)).read_bytes() == CONTENT
    assert len([told for told in get.told if told > 0]) >= 10, "progress is told while it is slow"


def test_nobody_there_is_one_clear_line(tmp_path, server, get):
    with servers.running() as gone:
        url = gone.url
    remote = Remote("a.zip", f"{url}/a.zip", None, None)
    with pytest.raises(VoxJaxError) as caught, http_headers.session() as session:
        http_file.fetch(remote, tmp_path / "a.zip", session, HURRIED, lambda added: None)
    host = url.removeprefix("http://")
    assert str(caught.value).startswith(f"a.zip: expected an answer from {host}, found ")
    assert "refused" in str(caught.value) and str(caught.value).endswith("it goes on where it stopped")


def test_work_that_is_ended_keeps_what_it_has(server, tmp_path):
    def enough(added):
        if (tmp_path / "a.zip.part").is_file() and added:
            raise KeyboardInterrupt

    server.ways["/a.zip"] = [Way(piece=30_000, pace_s=0.02)]
    remote = Remote("a.zip", f"{server.url}/a.zip", len(CONTENT), sha256(CONTENT))
    with pytest.raises(KeyboardInterrupt), http_headers.session() as session:
        http_file.fetch(remote, tmp_path / "a.zip", session, HURRIED, enough)
    kept = (tmp_path / "a.zip.part").read_bytes()
    assert 0 < len(kept) < len(CONTENT) and CONTENT.startswith(kept)


@pytest.fixture
def many(server, tmp_path):
    remotes = []
    for number in range(20):
        content = np.random.default_rng(number).bytes(5000 + number)
        server.files[f"/{number}"] = content
        remotes.append(Remote(f"d{number % 3}/{number}", f"{server.url}/{number}", len(content), sha256(content)))
    return remotes, http_files.Site(tmp_path, HURRIED, "")


def test_many_files_arrive_each_in_its_place(server, many):
    remotes, site = many
    folder = http_files.fetch_all(site, remotes, "files")
    for number, remote in enumerate(remotes):
        assert (folder / remote.name).read_bytes() == server.files[f"/{number}"]
    http_files.fetch_all(site, remotes, "files")
    assert len(server.asked) == 20


def test_one_failure_among_many_is_told_and_the_rest_is_kept(server, many):
    remotes, site = many
    server.ways["/13"] = [Way(status=404)]
    with pytest.raises(VoxJaxError, match="d1/13"):
        http_files.fetch_all(site, remotes, "files")
    found = [path for path in (site.folder / "files").rglob("*") if path.suffix in ("", ".part") and path.is_file()]
    there = {f"/{path.stem}" for path in found if path.stat().st_size == len(server.files[f"/{path.stem}"])}
    assert len(there) > 5
    server.asked.clear()
    server.ways["/13"] = [Way()]
    http_files.fetch_all(site, remotes, "files")
    assert {asked.path for asked in server.asked} == {f"/{number}" for number in range(20)} - there


def test_a_full_disk_is_told_before(server, tmp_path):
    huge = Remote("a", f"{server.url}/a.zip", 1 << 60, None)
    with pytest.raises(VoxJaxError, match=r"expected 1,152,921,504,606.8 MB free in .*free some space"):
        http_files.fetch_all(http_files.Site(tmp_path, HURRIED, ""), [huge], "files")
    assert server.asked == []


def test_a_mirror_holds_each_host_in_a_folder():
    remote = Remote("a", "https://zenodo.org/records/1/files/a.zip?b=c", 3, None)
    assert http_files.mirrored(remote, "http://m:8/x/").url == "http://m:8/x/zenodo.org/records/1/files/a.zip?b=c"
    assert http_files.mirrored(remote, "") == remote
    with pytest.raises(UsageError, match=r"--mirror: expected an address as https://HOST/PATH, found 'zenodo.org'"):
        http_files.refuse_mirror("zenodo.org")
