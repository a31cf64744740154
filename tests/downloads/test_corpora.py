"""Complete corpora from a local server: moved to their folder only when complete, and resumed when interrupted."""

import functools
import hashlib
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import textwrap
import time
import zipfile

import numpy as np
import pytest
import soundfile

from tests import server as servers
from tests import zygote
from tests.server import Response
from voxjax.data.corpora import GENERATED, ravdess
from voxjax.downloads import corpora as corpus_downloads
from voxjax.downloads import sources
from voxjax.downloads.http import RetryPolicy
from voxjax.downloads.parallel import Workspace
from voxjax.downloads.sources import Source, by_hand, dataverse, github, zenodo
from voxjax.errors import UsageError, VoxJaxError

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMPATIENT = RetryPolicy(timeout_s=2.0, tries=2, first_wait_s=0.01)
NAMES = [f"Actor_{actor:02d}/03-01-0{emotion}-01-01-01-{actor:02d}.wav" for actor in (1, 2) for emotion in (1, 3, 5)]
ARCHIVE = "/zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip"


@pytest.fixture
def server():
    with servers.running() as running:
        yield running


@pytest.fixture(scope="module")
def clips():
    """Real WAV files under names of RAVDESS."""
    random = np.random.default_rng(0)
    made = {}
    for name in NAMES:
        file = io.BytesIO()
        soundfile.write(file, random.uniform(-0.5, 0.5, 4800), 48_000, subtype="PCM_16", format="WAV")
        made[name] = file.getvalue()
    return made


def zipped(files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def small_source(archive, clips=6, top=""):
    """RAVDESS's row with a small archive's own size and checksum."""
    md5 = hashlib.md5(archive).hexdigest()
    name = ARCHIVE.rpartition("/")[2]
    download = functools.partial(
        zenodo.download, record=1188976, archive=name, size_bytes=len(archive), md5=md5, top=top
    )
    return sources.SOURCES["ravdess"]._replace(download=download, clips=clips)


def download(server, data_dir, source, name="ravdess"):
    return list(corpus_downloads.download_corpus(name, source, data_dir, IMPATIENT, server.url))


def tree(folder):
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in files.items() if name != corpus_downloads.RECORD}


def test_a_downloaded_corpus_can_be_read(server, tmp_path, clips):
    server.files[ARCHIVE] = archive = zipped(clips)
    lines = download(server, tmp_path / "data", small_source(archive))
    assert tree(tmp_path / "data/ravdess") == clips
    assert [clip.path for clip in ravdess.find(tmp_path / "data")] == [f"ravdess/{name}" for name in sorted(NAMES)]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["ravdess"]
    assert "licence: CC BY-NC-SA 4.0" in lines[0] and lines[-1].startswith(f"ravdess: 6 clips in {tmp_path}")
    assert "licence: CC BY-NC-SA 4.0" in lines[-1]


def test_an_existing_corpus_is_verified_and_not_downloaded_again(server, tmp_path, clips):
    server.files[ARCHIVE] = archive = zipped(clips)
    download(server, tmp_path, small_source(archive))
    assert "already there, verified (6 files in" in download(server, tmp_path, small_source(archive))[-1]
    assert len(server.requests) == 1
    path = tmp_path / "ravdess" / NAMES[0]
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    (tmp_path / "ravdess" / NAMES[1]).unlink()
    with pytest.raises(VoxJaxError, match=rf"6 files that were fetched, found 2 missing or changed, as {NAMES[0]}"):
        download(server, tmp_path, small_source(archive))
    assert len(server.requests) == 1


def test_an_existing_folder_of_the_user_is_left_alone(server, tmp_path):
    (tmp_path / "ravdess").mkdir()
    (tmp_path / "ravdess/mine.wav").write_bytes(b"mine")
    with pytest.raises(VoxJaxError, match="move it away to fetch it anew"):
        download(server, tmp_path, small_source(b""))
    assert tree(tmp_path / "ravdess") == {"mine.wav": b"mine"} and server.requests == []


def test_a_wrong_number_of_clips_is_an_error(server, tmp_path, clips):
    server.files[ARCHIVE] = archive = zipped(clips)
    with pytest.raises(VoxJaxError, match="ravdess: expected 1440 WAV files, found 6; its host changed it: see https"):
        download(server, tmp_path, small_source(archive, clips=1440))
    assert not (tmp_path / "ravdess").exists()
    assert "6 clips in" in download(server, tmp_path, small_source(archive))[-1]
    assert len(server.requests) == 1, "the archive had the right checksum, and is kept"


@pytest.mark.parametrize("inside", ["emodb/", ""])
def test_an_enclosing_folder_is_left_out(server, tmp_path, clips, inside):
    server.files[ARCHIVE] = archive = zipped({f"{inside}wav/{pathlib.Path(name).name}": clips[name] for name in clips})
    download(server, tmp_path, small_source(archive, top="emodb"))
    assert set(tree(tmp_path / "ravdess")) == {f"wav/{pathlib.Path(name).name}" for name in NAMES}


def test_a_hostile_archive_with_the_right_checksum_is_rejected(server, tmp_path, clips):
    server.files[ARCHIVE] = archive = zipped({**clips, "../../../evil.wav": b"evil"})
    with pytest.raises(VoxJaxError, match="expected plain names"):
        download(server, tmp_path / "a/b", small_source(archive))
    assert not list(tmp_path.rglob("*.wav"))


DATAVERSE = "/borealisdata.ca/api/datasets/:persistentId/versions/:latest/files?persistentId=doi:10.5683/SP2/E8H2MF"


def dataverse_row(server, clips):
    """TESS's row, and a response in the format of the API's documentation."""
    entries = []
    for number, (name, content) in enumerate(clips.items(), 100):
        folder, _, label = name.rpartition("/")
        md5 = {"type": "MD5", "value": hashlib.md5(content).hexdigest()}
        file = {"id": number, "filename": label, "filesize": len(content), "checksum": md5}
        place = {"directoryLabel": folder} if folder else {}
        entries.append({"label": label, "restricted": False, "dataFile": file} | place)
        server.files[f"/borealisdata.ca/api/access/datafile/{number}"] = content
    server.files[DATAVERSE] = json.dumps({"status": "OK", "data": entries}).encode()
    return sources.SOURCES["tess"]._replace(clips=len(clips))


def test_a_dataverse_is_fetched_file_by_file(server, tmp_path, clips):
    row = dataverse_row(server, clips)
    server.responses["/borealisdata.ca/api/access/datafile/103"] = [Response(status=404), Response()]
    with pytest.raises(VoxJaxError, match="HTTP 404"):
        download(server, tmp_path, row, "tess")
    assert not (tmp_path / "tess").exists()
    download(server, tmp_path, row, "tess")
    assert tree(tmp_path / "tess") == clips
    assert [path.name for path in tmp_path.iterdir()] == ["tess"]


@pytest.mark.parametrize("label", ["../evil.wav", "/evil.wav", "a/../../evil.wav"])
def test_a_listed_name_that_leads_outside_is_rejected(server, tmp_path, clips, label):
    row = dataverse_row(server, {"good.wav": b"good", "placeholder": b"evil"})
    server.files[DATAVERSE] = server.files[DATAVERSE].replace(
        b'"label": "placeholder"', b'"label": "%s"' % label.encode()
    )
    with pytest.raises(VoxJaxError, match="expected plain names below its own folder"):
        download(server, tmp_path / "data", row, "tess")
    assert not list(tmp_path.rglob("evil*")) and len(server.requests) == 1


def test_archives_of_a_dataverse_are_unpacked(server, tmp_path, clips):
    row = dataverse_row(server, {"OAF_angry.zip": zipped(clips), "readme.txt": b"read me"})
    download(server, tmp_path, row._replace(clips=len(clips)), "tess")
    assert tree(tmp_path / "tess") == {"readme.txt": b"read me"} | {f"OAF_angry/{name}": clips[name] for name in clips}


def test_a_file_other_than_the_dataverse_lists_is_rejected(server, tmp_path, clips):
    row = dataverse_row(server, clips)
    content = server.files["/borealisdata.ca/api/access/datafile/102"]
    server.files["/borealisdata.ca/api/access/datafile/102"] = content[:-1] + b"\0"
    with pytest.raises(VoxJaxError, match=rf"{list(clips)[2]}: expected md5 "):
        download(server, tmp_path, row, "tess")


def listed(**changes):
    """The answer of a Dataverse that lists one file, with changes."""
    file = {"id": 1, "filesize": 3, "checksum": {"type": "MD5", "value": "0" * 32}, **changes}
    return json.dumps({"data": [{"label": "a.wav", "dataFile": file}]}).encode()


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b'{"status": "ERROR", "message": "Not found"}',
        b'{"data": [{"label": 1}]}',
        b"[" * 100_000,
        b"\xff\xfe",
        listed(filesize="3"),
        listed(filesize=-1),
        listed(filesize=True),
        listed(filesize=10**30),
        listed(checksum={"type": "CRC-32", "value": "0" * 8}),
        listed(checksum={"type": "MD5", "value": "0" * 31}),
        listed(checksum={"type": "MD5", "value": 0}),
        listed(id="../1"),
    ],
)
def test_a_response_that_is_not_a_list_is_an_error(server, tmp_path, answer):
    server.files[DATAVERSE] = answer
    workspace = Workspace(tmp_path, IMPATIENT, server.url)
    with pytest.raises(VoxJaxError, match="expected a complete list of files with checksums, found"):
        dataverse.download(workspace, "borealisdata.ca", "10.5683/SP2/E8H2MF")


def test_a_name_that_is_listed_twice_is_an_error(server, tmp_path):
    one = json.loads(listed())["data"][0]
    server.files[DATAVERSE] = json.dumps({"data": [one, {**one, "label": "A.wav"}]}).encode()
    with pytest.raises(VoxJaxError, match=r"expected each file once, found 'A\.wav' twice"):
        dataverse.download(Workspace(tmp_path, IMPATIENT, server.url), "borealisdata.ca", "10.5683/SP2/E8H2MF")


def git_hash(content):
    """The hash that git computes."""
    command = ["git", "hash-object", "--stdin"]
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout.decode().strip()


def pointer(content):
    return (
        f"version https://git-lfs.github.com/spec/v1\n"
        f"oid sha256:{hashlib.sha256(content).hexdigest()}\nsize {len(content)}\n"
    ).encode()


COMMIT = "0123456789abcdef0123456789abcdef01234567"
API = "/api.github.com/repos/owner/corpus/git/trees"


@pytest.fixture
def repository(server, clips):
    """A repository on local servers in place of GitHub's three hosts: clips in LFS, tables in git."""
    audio = {pathlib.Path(name).name: content for name, content in clips.items()}
    tables = {"Video.csv": b"ActorID,Age\n1001,51\n", "other/huge.bin": b"not wanted"}
    held = {f"Audio/{name}": pointer(content) for name, content in audio.items()} | tables
    server.files[f"/codeload.github.com/owner/corpus/zip/{COMMIT}"] = zipped(
        {f"corpus-{COMMIT}/{name}": content for name, content in held.items()}
    )

    def blob(name):
        content = held[name]
        return {"path": name.rpartition("/")[2], "type": "blob", "sha": git_hash(content), "size": len(content)}

    def serve(sha, entries):
        server.files[f"{API}/{sha}"] = json.dumps({"sha": sha, "tree": entries, "truncated": False}).encode()

    folders = [{"path": name, "type": "tree", "sha": git_hash(name.encode())} for name in ("Audio", "other")]
    serve(COMMIT, [*folders, blob("Video.csv")])
    serve(git_hash(b"Audio"), [blob(f"Audio/{name}") for name in audio])
    for name, content in audio.items():
        server.files[f"/media.githubusercontent.com/media/owner/corpus/{COMMIT}/Audio/{name}"] = content
    download = functools.partial(
        github.download, repository="owner/corpus", commit=COMMIT, wanted=("Audio", "Video.csv")
    )
    wanted = {f"Audio/{name}": content for name, content in audio.items()} | {"Video.csv": tables["Video.csv"]}
    return Source(download, len(audio), "https://page", "small", "all", "free"), wanted


def test_a_repository_is_fetched_with_its_large_files(server, tmp_path, repository):
    row, wanted = repository
    download(server, tmp_path, row, "cremad")
    assert tree(tmp_path / "cremad") == wanted
    assert [path.name for path in tmp_path.iterdir()] == ["cremad"]


def test_a_large_file_other_than_its_pointer_is_rejected_and_the_rest_is_kept(server, tmp_path, repository):
    row, wanted = repository
    path = next(path for path in server.files if path.startswith("/media") and "03-01-05" in path)
    right = server.files[path]
    server.files[path] = right[:-1] + b"\0"
    with pytest.raises(VoxJaxError, match="expected sha256"):
        download(server, tmp_path, row, "cremad")
    server.files[path] = right
    download(server, tmp_path, row, "cremad")
    assert tree(tmp_path / "cremad") == wanted
    assert all(len(server.ranges(name)) <= 2 for name in server.files if name.startswith("/media"))


def test_an_archive_other_than_git_lists_is_rejected(server, tmp_path, repository):
    row, _ = repository
    listed = f"{API}/{COMMIT}"
    server.files[listed] = server.files[listed].replace(git_hash(b"ActorID,Age\n1001,51\n").encode(), b"0" * 40)
    with pytest.raises(VoxJaxError, match=r"Video\.csv in the archive: expected git 0{40}, found [0-9a-f]{40}"):
        download(server, tmp_path, row, "cremad")


def test_a_repository_with_a_name_that_leads_outside_is_rejected(server, tmp_path, repository):
    row, _ = repository
    listed = f"{API}/{git_hash(b'Audio')}"
    server.files[listed] = server.files[listed].replace(b'"path": "03-01-05', b'"path": "../../03-01-05')
    with pytest.raises(VoxJaxError, match="expected plain names below its own folder"):
        download(server, tmp_path, row, "cremad")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((b'"truncated": false', b'"truncated": true'), "a complete list"),
        ((b"Video.csv", b"Videos.csv"), "expected 'Video"),
    ],
)
def test_a_tree_that_is_truncated_or_lacks_a_file_is_an_error(server, tmp_path, repository, change, message):
    row, _ = repository
    server.files[f"{API}/{COMMIT}"] = server.files[f"{API}/{COMMIT}"].replace(*change)
    with pytest.raises(VoxJaxError, match=message):
        download(server, tmp_path, row, "cremad")


def lines(names, data_dir="unused"):
    return list(corpus_downloads.download(names, pathlib.Path(data_dir), IMPATIENT, ""))


def test_the_error_of_a_corpus_that_is_not_downloaded_explains_why():
    assert lines("demo+demo_modal") == [
        f"demo {corpus_downloads.GENERATED_NOTE}",
        f"demo_modal {corpus_downloads.GENERATED_NOTE}",
    ]
    for name, row in by_hand.BY_HAND.items():
        with pytest.raises(
            VoxJaxError, match=f"^{name}: expected a corpus that anyone may fetch, found one {row.reason}; "
        ):
            lines(name)
    with pytest.raises(UsageError, match=r"--corpus: expected a known name, found 'ravdes'; did you mean 'ravdess'\?"):
        lines("demo+ravdes")


def test_the_table_is_complete():
    listed = list(corpus_downloads.listing(pathlib.Path("unused")))
    assert [line.split()[0] for line in listed] == [*GENERATED, *sources.SOURCES, *by_hand.BY_HAND]
    page = (ROOT / "docs/download.md").read_text()
    for name, source in sources.SOURCES.items():
        cells = re.search(rf"^\| `{name}` \|(.*)\|$", page, re.MULTILINE)[1]
        assert source.size in cells and source.page in cells and source.verified_by in cells
        assert source.licence.partition(":")[0] in cells
    for name in by_hand.BY_HAND:
        assert f"| `{name}` |" in page


def command(*flags, python=None):
    """A command at work; one that gets signals needs a `python` of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [python or zygote.python(), *flags],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def killed_at(process, part, size_bytes, by=signal.SIGKILL):
    """Kills it once so many bytes have arrived; returns what arrived, its exit code and stderr."""
    until = time.monotonic() + 60
    while not part.is_file() or part.stat().st_size < size_bytes:
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.01)
    process.send_signal(by)
    _, words = process.communicate()
    return part.read_bytes(), process.returncode, words


@pytest.fixture
def interruptible():
    """Processes started here get Ctrl-C, even where the tests ignore it, as in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    ("by", "ends"), [(signal.SIGKILL, (-signal.SIGKILL, "")), (signal.SIGINT, (130, "interrupted\n"))]
)
def test_the_command_resumes_after_a_kill_and_rejects_a_substitute(server, tmp_path, clips, by, ends):
    """Size and checksum of the real row are checked on a mirror, too, so that other content is an error."""
    content = server.files[ARCHIVE] = np.random.default_rng(0).bytes(1_000_000)
    flags = ("scripts/download.py", "--corpus=ravdess", f"--data_dir={tmp_path}", f"--mirror={server.url}")
    slow = Response(claimed=208_468_073, chunk=50_000, pace_s=0.05)
    server.responses[ARCHIVE] = [slow, Response(claimed=208_468_073, status=404)]
    part = tmp_path / ".ravdess.download/archive" / (ARCHIVE.rpartition("/")[2] + ".part")
    kept, code, words = killed_at(command(*flags, python=sys.executable), part, 200_000, by)
    assert (code, words) == ends
    assert content.startswith(kept) and not (tmp_path / "ravdess").exists()
    again = command(*flags)
    out, err = again.communicate()
    assert again.returncode == 1 and server.ranges(ARCHIVE) == ["", f"bytes={len(kept)}-"]
    assert "licence: CC BY-NC-SA 4.0" in out
    assert err.startswith("error: Audio_Speech_Actors_01-24.zip: expected to be given ") and err.count("\n") == 1
    server.files[ARCHIVE] = zipped(clips)
    server.responses[ARCHIVE] = [Response()]
    third = command(*flags)
    size = len(server.files[ARCHIVE])
    assert f"expected 208468073 bytes, found {size}; " in third.communicate()[1] and third.returncode == 1
    assert not (tmp_path / "ravdess").exists()


def test_a_killed_download_is_resumed_to_the_end(server, tmp_path, clips):
    server.files[ARCHIVE] = archive = zipped(clips)
    server.responses[ARCHIVE] = [Response(chunk=2000, pace_s=0.05), Response()]
    code = textwrap.dedent(f"""
        import pathlib
        from tests.downloads import test_corpora as tests
        source = tests.small_source(pathlib.Path({str(tmp_path / "archive")!r}).read_bytes())
        folder = pathlib.Path({str(tmp_path)!r})
        list(tests.corpus_downloads.download_corpus("ravdess", source, folder, tests.IMPATIENT, {server.url!r}))
    """)
    (tmp_path / "archive").write_bytes(archive)
    part = tmp_path / ".ravdess.download/archive" / (ARCHIVE.rpartition("/")[2] + ".part")
    kept, *_ = killed_at(command("-c", code, python=sys.executable), part, len(archive) // 2)
    download(server, tmp_path, small_source(archive))
    assert tree(tmp_path / "ravdess") == clips
    assert server.ranges(ARCHIVE)[-1] == f"bytes={len(kept)}-"
    assert server.requests[-1].sent == len(archive) - len(kept), "only the rest"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--corpus=ravdess"], "download: expected --data_dir=DIR with --corpus, found none; add it"),
        (["--corpus=tes", "--data_dir=x"], "did you mean 'tess'?"),
        (["--corpus=tess", "--data_dir=x", "--mirror=zenodo.org"], "--mirror: expected an address as https://"),
        (["--timeout_s=0"], "--timeout_s"),
    ],
)
def test_wrong_use_is_one_line_and_code_2(flags, message):
    process = command("scripts/download.py", *flags)
    out, err = process.communicate()
    assert process.returncode == 2 and message in err and err.count("\n") == 1, (out, err)
