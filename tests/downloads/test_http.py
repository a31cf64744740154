"""Downloads from a real server with real faults: the same bytes in the end, or one clear line."""

import hashlib
import threading
import time

import numpy as np
import pytest

from tests import server as servers
from tests.server import Response
from voxjax.downloads import connections, http, parallel
from voxjax.downloads.http import RemoteFile, RetryPolicy
from voxjax.errors import UsageError, VoxJaxError
from voxjax.storage import checksum
from voxjax.storage.checksum import Checksum

CONTENT = np.random.default_rng(0).bytes(300_000)
IMPATIENT = RetryPolicy(timeout_s=0.5, tries=3, first_wait_s=0.01, longest_wait_s=2.0)


@pytest.fixture
def server():
    with servers.running() as running:
        running.files["/a.zip"] = CONTENT
        yield running


@pytest.fixture
def get(server, tmp_path):
    """Downloads `/a.zip` (or another) and returns its path; `get.progress` is what the progress bar receives."""

    def get(path="/a.zip", size_bytes=300_000, check=None, policy=IMPATIENT):
        get.progress = []
        target = tmp_path / "a.zip"
        remote = RemoteFile("a.zip", server.url + path, size_bytes, check or sha256(CONTENT))
        with connections.connection_pool(remote.url) as pool:
            http.download_file(remote, target, pool, policy, get.progress.append)
        return target

    return get


def download(remote, folder, policy=IMPATIENT):
    with connections.connection_pool(remote.url) as pool:
        http.download_file(remote, folder / remote.name, pool, policy, lambda added: None)


def sha256(content):
    return Checksum("sha256", hashlib.sha256(content).hexdigest())


def left(tmp_path):
    return sorted(path.name for path in tmp_path.iterdir())


def test_a_file_arrives_complete_and_alone(get, server, tmp_path):
    assert get().read_bytes() == CONTENT
    assert left(tmp_path) == ["a.zip"] and sum(get.progress) == len(CONTENT)
    get()
    assert len(server.requests) == 1, "a verified file is not requested again"
    assert sum(get.progress) == len(CONTENT)


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256", "git"])
def test_checksums_equal_those_of_hashlib_and_git(tmp_path, kind):
    (tmp_path / "a").write_bytes(b"what is up, doc?")  # the example of Pro Git, 10.2, and its hash there
    known = {"git": "bd9dbf5aae1a3862dd1526723246b20206e5fc37"}
    expected = known[kind] if kind in known else hashlib.new(kind, b"what is up, doc?").hexdigest()
    assert checksum.digest(tmp_path / "a", kind) == expected


def test_a_dropped_connection_is_resumed(get, server):
    server.responses["/a.zip"] = [Response(cut=100_000), Response(cut=50_000), Response()]
    assert get().read_bytes() == CONTENT
    assert server.ranges("/a.zip") == ["", "bytes=100000-", "bytes=150000-"]
    assert sum(request.sent for request in server.requests) == sum(get.progress) == len(CONTENT), "no byte twice"


def test_many_dropped_connections_are_no_failure_while_bytes_arrive(get, server):
    server.responses["/a.zip"] = [Response(cut=20_000)]
    assert get().read_bytes() == CONTENT
    assert len(server.requests) == 15


def test_a_file_is_requested_completely_again_from_a_server_without_ranges(get, server):
    server.responses["/a.zip"] = [Response(cut=100_000, ranges=0), Response(ranges=0)]
    assert get().read_bytes() == CONTENT
    assert server.ranges("/a.zip") == ["", "bytes=100000-"] and sum(get.progress) == len(CONTENT)


def test_an_interrupted_call_is_resumed_by_the_next(get, server, tmp_path):
    server.responses["/a.zip"] = [Response(cut=200_000), Response(status=503)]
    with pytest.raises(VoxJaxError, match="HTTP 503"):
        get()
    assert (tmp_path / "a.zip.part").read_bytes() == CONTENT[:200_000]
    server.responses["/a.zip"] = [Response()]
    assert get().read_bytes() == CONTENT
    assert server.ranges("/a.zip")[-1] == "bytes=200000-" and left(tmp_path) == ["a.zip"]


@pytest.mark.parametrize("tag", [1, 0])
def test_a_file_that_changed_meanwhile_is_downloaded_from_the_start(get, server, tmp_path, tag):
    """It is detected by the version that the server sends, or else by the checksum."""
    old = np.random.default_rng(1).bytes(len(CONTENT))
    server.files["/a.zip"] = old
    server.responses["/a.zip"] = [Response(cut=200_000, tag=tag), Response(status=503)]
    with pytest.raises(VoxJaxError):
        get()
    server.files["/a.zip"] = CONTENT
    server.responses["/a.zip"] = [Response(tag=tag)]
    assert get().read_bytes() == CONTENT
    assert left(tmp_path) == ["a.zip"] and sum(get.progress) == len(CONTENT)


def test_a_server_that_ignores_if_range_is_detected(get, server):
    server.files["/a.zip"] = CONTENT[:150_000] + bytes(150_000)
    server.responses["/a.zip"] = [Response(cut=200_000, headers=(("ETag", '"old"'),), tag=0), Response(status=503)]
    with pytest.raises(VoxJaxError):
        get()
    server.files["/a.zip"] = CONTENT
    rest = (("ETag", '"new"'), ("Content-Range", "bytes 200000-299999/300000"))
    server.responses["/a.zip"] = [Response(status=206, headers=rest, tag=0), Response()]
    assert get().read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_discarded(get, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(bytes(len(CONTENT) + 5))
    assert get().read_bytes() == CONTENT


def test_without_content_length_all_is_read(get, server):
    server.responses["/a.zip"] = [Response(length=0)]
    assert get().read_bytes() == CONTENT


def test_a_connection_that_ends_early_gives_no_complete_file(get, server):
    server.responses["/a.zip"] = [Response(length=0, cut=120_000), Response()]
    assert get().read_bytes() == CONTENT
    assert server.ranges("/a.zip") == ["", "bytes=120000-"]


@pytest.mark.parametrize("size_bytes", [299_999, None])
def test_a_body_beyond_its_size_ends_and_is_not_kept(server, tmp_path, size_bytes):
    """Without Content-Length a host could fill the disk."""
    server.responses["/a.zip"] = [Response(length=0)]
    remote = RemoteFile("a.zip", f"{server.url}/a.zip", size_bytes, None, limit_bytes=250_000)
    with pytest.raises(
        VoxJaxError, match="expected 299999 bytes, found more" if size_bytes else "at most 250000 bytes"
    ):
        download(remote, tmp_path)
    assert left(tmp_path) == []


def test_a_body_that_only_trickles_is_given_up(server, tmp_path):
    """Each byte comes within the time limit, but not the file."""
    server.responses["/a.zip"] = [Response(chunk=10, pace_s=0.02)]
    remote = RemoteFile("a.zip", f"{server.url}/a.zip", len(CONTENT), sha256(CONTENT))
    policy = IMPATIENT._replace(timeout_s=0.1, slowest_bytes_per_s=5_000.0)
    with pytest.raises(VoxJaxError, match=r"found only \d+ bytes in 0 s"):
        download(remote, tmp_path, policy)
    assert len(server.requests) == IMPATIENT.tries


def test_a_host_that_sends_a_few_bytes_at_each_request_is_given_up(get, server):
    server.responses["/a.zip"] = [Response(cut=1)]
    with pytest.raises(VoxJaxError, match="the connection ended after"):
        get(policy=IMPATIENT._replace(first_wait_s=0.05))
    assert len(server.requests) <= IMPATIENT.tries + 1


@pytest.mark.parametrize(
    "head",
    [
        [b"HTTP/1.1 200 OK\r\n", *(b"X-%d: 1\r\n" % i for i in range(100))],
        [b"HTTP/1.1 100 Continue\r\n\r\n"] * 100,
    ],
)
def test_an_answer_without_an_end_of_its_head_times_out(tmp_path, head):
    with servers.speaking(head, pace_s=0.02) as url:
        began = time.monotonic()
        with pytest.raises(VoxJaxError, match=r"(?i)timed out|no complete answer"):
            download(RemoteFile("a", url, None, None), tmp_path, IMPATIENT._replace(timeout_s=0.2, tries=2))
        assert time.monotonic() - began < 2.0


def test_a_deadline_after_the_connection_was_closed_does_nothing(server):
    with connections.connection_pool(server.url) as pool:
        connection = pool.connection_from_url(server.url)._new_conn()
        ended = threading.Event()
        connections._end(connection, ended)  # not connected yet
        connection.connect()
        connection.sock.close()  # as the reading thread does between the check and the shutdown
        connections._end(connection, ended)
    assert ended.is_set()


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "9" * 5000},
        {"Content-Length": "-5"},
        {"Content-Length": "٣"},
        {"Content-Range": "bytes 0-9/" + "9" * 5000},
        {"Retry-After": "Wed, 99 Oct 99999999999 07:28:00 GMT"},
        {"ETag": "x" * 60_000},
        {"Content-Encoding": "gzip"},
    ],
)
@pytest.mark.parametrize("status", ["200 OK", "206 Partial", "503 No", "302 Found", "600 What", "0 x"])
def test_a_false_head_gives_one_line(tmp_path, headers, status):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status}\r\n{lines}Connection: close\r\n\r\nbody".encode()
    with servers.speaking([head], pace_s=0.0) as url:
        try:
            download(RemoteFile("a", url, None, None), tmp_path, IMPATIENT._replace(tries=1))
        except VoxJaxError as error:
            assert str(error).startswith("a: expected ") and "\n" not in str(error)
        else:
            assert (tmp_path / "a").read_bytes() == b"body"


def test_a_redirect_from_https_to_http_is_refused(server, tmp_path, monkeypatch):
    class Answer:
        """An answer over https, without a certificate of its own."""

        def get_redirect_location(self):
            return "http://elsewhere.example/a.zip"

        def close(self):
            pass

    remote = RemoteFile("a.zip", "https://host.example/a.zip", None, None)
    with connections.connection_pool(remote.url) as pool:
        monkeypatch.setattr(pool, "request", lambda *_, **__: Answer())
        with pytest.raises(VoxJaxError, match=r"a redirect from https to http://elsewhere\.example/a\.zip"):
            http.download_file(remote, tmp_path / "a.zip", pool, IMPATIENT, lambda added: None)


def test_wrong_bytes_are_rejected_and_not_kept(get, server, tmp_path):
    server.files["/a.zip"] = CONTENT[:1000] + bytes([CONTENT[1000] ^ 1]) + CONTENT[1001:]
    with pytest.raises(VoxJaxError) as caught:
        get()
    found = hashlib.sha256(server.files["/a.zip"]).hexdigest()
    start = (
        f"a.zip: expected sha256 {sha256(CONTENT).value}, found {found}; {server.url}/a.zip is damaged or was changed"
    )
    assert str(caught.value).startswith(start) and "by hand" in str(caught.value)
    assert left(tmp_path) == [] and len(server.requests) == 1


def test_another_size_is_rejected_before_the_download(get, server):
    with pytest.raises(VoxJaxError, match="expected 7 bytes, found 300000"):
        get(size_bytes=7)
    assert get.progress == [0, 0]


def test_a_damaged_file_is_replaced_only_by_a_verified_one(get, server, tmp_path):
    (tmp_path / "a.zip").write_bytes(b"mine")
    server.responses["/a.zip"] = [Response(status=404), Response()]
    with pytest.raises(VoxJaxError):
        get()
    assert (tmp_path / "a.zip").read_bytes() == b"mine"
    assert get().read_bytes() == CONTENT


def test_redirects_are_followed(get, server):
    server.responses["/old"] = [Response(status=302, headers=(("Location", "/a.zip"),))]
    assert get("/old").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/loop", "too many redirects"),
        ("file:///etc/hostname", "No host specified"),
        ("ftp://h/x", "Not supported URL scheme ftp"),
    ],
)
def test_redirects_in_a_loop_or_to_other_schemes_are_rejected(get, server, tmp_path, target, message):
    server.responses["/loop"] = [Response(status=301, headers=(("Location", target),))]
    with pytest.raises(VoxJaxError, match=message):
        get("/loop")
    assert left(tmp_path) == []


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_client_error_is_reported_at_once(get, server, status):
    server.responses["/a.zip"] = [Response(status=status)]
    with pytest.raises(VoxJaxError, match=rf"a.zip: expected to be given {server.url}/a.zip, found HTTP {status} "):
        get()
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_temporary_error_is_retried(get, server, status):
    server.responses["/a.zip"] = [Response(status=status), Response(status=status), Response()]
    assert get().read_bytes() == CONTENT


def test_retry_after_is_respected_up_to_a_limit(get, server):
    server.responses["/a.zip"] = [Response(status=429, headers=(("Retry-After", "1"),)), Response()]
    start = time.monotonic()
    get()
    assert time.monotonic() - start >= 1.0
    server.responses["/b.zip"] = [Response(status=429, headers=(("Retry-After", "3600"),))]
    with pytest.raises(VoxJaxError, match="which asks to wait 3600 s, found HTTP 429"):
        get("/b.zip", check=sha256(b"other"))


def test_retry_after_may_be_a_date(get, server):
    past = (("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"),)
    far = (("Retry-After", "Wed, 21 Oct 2099 07:28:00 GMT"),)
    server.responses["/a.zip"] = [Response(status=503, headers=past), Response(status=503, headers=far)]
    with pytest.raises(VoxJaxError, match=r"asks to wait \d{9,} s"):
        get()


def test_a_silent_host_times_out_a_slow_one_does_not(get, server):
    server.responses["/a.zip"] = [Response(stall_s=1.0)]
    with pytest.raises(VoxJaxError, match=r"(?i)timed out"):
        get(policy=IMPATIENT._replace(timeout_s=0.1, tries=2))
    server.responses["/a.zip"] = [Response(chunk=30_000, pace_s=0.05)]
    assert get(policy=IMPATIENT._replace(timeout_s=0.3)).read_bytes() == CONTENT
    assert len([added for added in get.progress if added > 0]) >= 10, "progress is reported while it is slow"


def test_a_refused_connection_is_one_clear_line(tmp_path, server, get):
    with servers.running() as gone:
        url = gone.url
    remote = RemoteFile("a.zip", f"{url}/a.zip", None, None)
    with pytest.raises(VoxJaxError) as caught, connections.connection_pool(remote.url) as pool:
        http.download_file(remote, tmp_path / "a.zip", pool, IMPATIENT, lambda added: None)
    host = url.removeprefix("http://")
    assert str(caught.value).startswith(f"a.zip: expected an answer from {host}, found ")
    assert "refused" in str(caught.value) and str(caught.value).endswith("it goes on where it stopped")


def test_the_proxy_of_the_environment_is_used(server, tmp_path, monkeypatch):
    for name in ("HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.url)
    url = "http://corpus.example/a.zip"  # not reachable otherwise
    server.files[url] = CONTENT
    remote = RemoteFile("a.zip", url, len(CONTENT), sha256(CONTENT))
    with connections.connection_pool(url) as pool:
        http.download_file(remote, tmp_path / "a.zip", pool, IMPATIENT, lambda added: None)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT and [request.path for request in server.requests] == [url]
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    remote = RemoteFile("b.zip", f"{server.url}/a.zip", len(CONTENT), sha256(CONTENT))
    with connections.connection_pool(remote.url) as pool:
        http.download_file(remote, tmp_path / "b.zip", pool, IMPATIENT, lambda added: None)
    assert server.requests[-1].path == "/a.zip"


def test_an_interrupted_download_keeps_its_part(server, tmp_path):
    def enough(added):
        if (tmp_path / "a.zip.part").is_file() and added:
            raise KeyboardInterrupt

    server.responses["/a.zip"] = [Response(chunk=30_000, pace_s=0.02)]
    remote = RemoteFile("a.zip", f"{server.url}/a.zip", len(CONTENT), sha256(CONTENT))
    with pytest.raises(KeyboardInterrupt), connections.connection_pool(remote.url) as pool:
        http.download_file(remote, tmp_path / "a.zip", pool, IMPATIENT, enough)
    kept = (tmp_path / "a.zip.part").read_bytes()
    assert 0 < len(kept) < len(CONTENT) and CONTENT.startswith(kept)


@pytest.fixture
def many(server, tmp_path):
    remotes = []
    for number in range(20):
        content = np.random.default_rng(number).bytes(5000 + number)
        server.files[f"/{number}"] = content
        remotes.append(RemoteFile(f"d{number % 3}/{number}", f"{server.url}/{number}", len(content), sha256(content)))
    return remotes, parallel.Workspace(tmp_path, IMPATIENT, "")


def test_many_files_arrive_each_under_its_name(server, many):
    remotes, workspace = many
    folder = parallel.download_files(workspace, remotes, "files")
    for number, remote in enumerate(remotes):
        assert (folder / remote.name).read_bytes() == server.files[f"/{number}"]
    parallel.download_files(workspace, remotes, "files")
    assert len(server.requests) == 20


def test_one_failure_among_many_is_reported_and_the_rest_is_kept(server, many):
    remotes, workspace = many
    server.responses["/13"] = [Response(status=404)]
    with pytest.raises(VoxJaxError, match="d1/13"):
        parallel.download_files(workspace, remotes, "files")
    found = [
        path for path in (workspace.folder / "files").rglob("*") if path.suffix in ("", ".part") and path.is_file()
    ]
    there = {f"/{path.stem}" for path in found if path.stat().st_size == len(server.files[f"/{path.stem}"])}
    assert len(there) > 5
    server.requests.clear()
    server.responses["/13"] = [Response()]
    parallel.download_files(workspace, remotes, "files")
    assert {request.path for request in server.requests} == {f"/{number}" for number in range(20)} - there


def test_a_full_disk_is_reported_before_the_download(server, tmp_path):
    huge = RemoteFile("a", f"{server.url}/a.zip", 1 << 60, None)
    with pytest.raises(VoxJaxError, match=r"expected 1,152,921,504,606.8 MB free in .*free some space"):
        parallel.download_files(parallel.Workspace(tmp_path, IMPATIENT, ""), [huge], "files")
    assert server.requests == []


def test_a_mirror_holds_each_host_in_a_folder():
    remote = RemoteFile("a", "https://zenodo.org/records/1/files/a.zip?b=c", 3, None)
    assert parallel.mirrored(remote, "http://m:8/x/").url == "http://m:8/x/zenodo.org/records/1/files/a.zip?b=c"
    assert parallel.mirrored(remote, "") == remote
    with pytest.raises(UsageError, match=r"--mirror: expected an address as https://HOST/PATH, found 'zenodo.org'"):
        parallel.check_mirror("zenodo.org")
