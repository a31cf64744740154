"""Whole corpora from a local server: in their place only when whole, and gone on with when broken off."""

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
from tests.server import Way
from voxjax.data.corpora import GENERATED, ravdess
from voxjax.downloads import corpora as corpus_downloads
from voxjax.downloads import sources
from voxjax.downloads.http_file import Patience
from voxjax.downloads.http_files import Site
from voxjax.downloads.sources import Source, by_hand, dataverse, github, zenodo
from voxjax.errors import UsageError, VoxJaxError

ROOT = pathlib.Path(__file__).resolve().parents[2]
HURRIED = Patience(timeout_s=2.0, tries=2, first_wait_s=0.01)
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


def standin(archive, clips=6, top=""):
    """RAVDESS's row with a small archive's own size and checksum."""
    md5 = hashlib.md5(archive).hexdigest()
    name = ARCHIVE.rpartition("/")[2]
    gather = functools.partial(zenodo.gather, record=1188976, archive=name, size_bytes=len(archive), md5=md5, top=top)
    return sources.SOURCES["ravdess"]._replace(gather=gather, clips=clips)


def bring(server, data_dir, source, name="ravdess"):
    return list(corpus_downloads.bring(name, source, data_dir, HURRIED, server.url))


def tree(folder):
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in files.items() if name != corpus_downloads.RECORD}


def test_a_fetched_corpus_can_be_read(server, tmp_path, clips):
    server.files[ARCHIVE] = archive = zipped(clips)
    lines = bring(server, tmp_path / "data", standin(archive))
    assert tree(tmp_path / "data/ravdess") == clips
    assert [clip.path for clip in ravdess.find(tmp_path / "data")] == [f"ravdess/{name}" for name in sorted(NAMES)]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["ravdess"]
    assert "licence: CC BY-NC-SA 4.0" in lines[0] and lines[-1].startswith(f"ravdess: 6 clips in {tmp_path}")
    assert "licence: CC BY-NC-SA 4.0" in lines[-1]


def test_what_is_there_is_held_against_its_record_and_not_fetched_again(server, tmp_path, clips):
    server.files[ARCHIVE] = archive = zipped(clips)
    bring(server, tmp_path, standin(archive))
    assert "already there, verified (6 files in" in bring(server, tmp_path, standin(archive))[-1]
    assert len(server.asked) == 1
    path = tmp_path / "ravdess" / NAMES[0]
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    (tmp_path / "ravdess" / NAMES[1]).unlink()
    with pytest.raises(VoxJaxError, match=rf"6 files that were fetched, found 2 missing or changed, as {NAMES[0]}"):
        bring(server, tmp_path, standin(archive))
    assert len(server.asked) == 1


def test_a_folder_of_the_users_own_is_left_alone(server, tmp_path):
    (tmp_path / "ravdess").mkdir()
    (tmp_path / "ravdess/mine.wav").write_bytes(b"mine")
    with pytest.raises(VoxJaxError, match="move it away to fetch it anew"):
        bring(server, tmp_path, standin(b""))
    assert tree(tmp_path / "ravdess") == {"mine.wav": b"mine"} and server.asked == []


def test_another_number_of_clips_is_not_taken_for_the_corpus(server, tmp_path, clips):
    server.files[ARCHIVE] = archive = zipped(clips)
    with pytest.raises(VoxJaxError, match="ravdess: expected 1440 WAV files, found 6; its host changed it: see https"):
        bring(server, tmp_path, standin(archive, clips=1440))
    assert not (tmp_path / "ravdess").exists()
    assert "6 clips in" in bring(server, tmp_path, standin(archive))[-1]
    assert len(server.asked) == 1, "the archive was right, and kept"


@pytest.mark.parametrize("inside", ["emodb/", ""])
def test_a_folder_around_the_corpus_is_left_out(server, tmp_path, clips, inside):
    server.files[ARCHIVE] = archive = zipped({f"{inside}wav/{pathlib.Path(name).name}": clips[name] for name in clips})
    bring(server, tmp_path, standin(archive, top="emodb"))
    assert set(tree(tmp_path / "ravdess")) == {f"wav/{pathlib.Path(name).name}" for name in NAMES}


def test_an_evil_archive_with_the_right_checksum_is_refused(server, tmp_path, clips):
    server.files[ARCHIVE] = archive = zipped({**clips, "../../../evil.wav": b"evil"})
    with pytest.raises(VoxJaxError, match="expected plain names"):
        bring(server, tmp_path / "a/b", standin(archive))
    assert not list(tmp_path.rglob("*.wav"))


DATAVERSE = "/borealisdata.ca/api/datasets/:persistentId/versions/:latest/files?persistentId=doi:10.5683/SP2/E8H2MF"


def dataverse_row(server, clips):
    """TESS's row, and an answer in the form that the API documents."""
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
    server.ways["/borealisdata.ca/api/access/datafile/103"] = [Way(status=404), Way()]
    with pytest.raises(VoxJaxError, match="HTTP 404"):
        bring(server, tmp_path, row, "tess")
    assert not (tmp_path / "tess").exists()
    bring(server, tmp_path, row, "tess")
    assert tree(tmp_path / "tess") == clips
    assert [path.name for path in tmp_path.iterdir()] == ["tess"]


@pytest.mark.parametrize("label", ["../evil.wav", "/evil.wav", "a/../../evil.wav"])
def test_a_listed_name_that_leads_outside_is_refused(server, tmp_path, clips, label):
    row = dataverse_row(server, {"good.wav": b"good", "placeholder": b"evil"})
    server.files[DATAVERSE] = server.files[DATAVERSE].replace(
        b'"label": "placeholder"', b'"label": "%s"' % label.encode()
    )
    with pytest.raises(VoxJaxError, match="expected plain names below its own folder"):
        bring(server, tmp_path / "data", row, "tess")
    assert not list(tmp_path.rglob("evil*")) and len(server.asked) == 1


def test_archives_of_a_dataverse_are_unpacked(server, tmp_path, clips):
    row = dataverse_row(server, {"OAF_angry.zip": zipped(clips), "readme.txt": b"read me"})
    bring(server, tmp_path, row._replace(clips=len(clips)), "tess")
    assert tree(tmp_path / "tess") == {"readme.txt": b"read me"} | {f"OAF_angry/{name}": clips[name] for name in clips}


def test_a_file_other_than_the_dataverse_lists_is_refused(server, tmp_path, clips):
    row = dataverse_row(server, clips)
    content = server.files["/borealisdata.ca/api/access/datafile/102"]
    server.files["/borealisdata.ca/api/access/datafile/102"] = content[:-1] + b"\0"
    with pytest.raises(VoxJaxError, match=rf"{list(clips)[2]}: expected md5 "):
        bring(server, tmp_path, row, "tess")


@pytest.mark.parametrize(
    "answer", [b"<html>", b'{"status": "ERROR", "message": "Not found"}', b'{"data": [{"label": 1}]}']
)
def test_an_answer_that_is_no_list_is_told(server, tmp_path, answer):
    server.files[DATAVERSE] = answer
    site = Site(tmp_path, HURRIED, server.url)
    with pytest.raises(VoxJaxError, match="expected a list of files with checksums, found"):
        dataverse.gather(site, "borealisdata.ca", "10.5683/SP2/E8H2MF")


def git_hash(content):
    """As git itself says it."""
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
    """A repository on the stand-ins of GitHub's three hosts: clips in LFS, tables in git."""
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

    folders = [{"path": name, "type": "tree", "sha": f"tree-{name}"} for name in ("Audio", "other")]
    serve(COMMIT, [*folders, blob("Video.csv")])
    serve("tree-Audio", [blob(f"Audio/{name}") for name in audio])
    for name, content in audio.items():
        server.files[f"/media.githubusercontent.com/media/owner/corpus/{COMMIT}/Audio/{name}"] = content
    gather = functools.partial(github.gather, repository="owner/corpus", commit=COMMIT, wanted=("Audio", "Video.csv"))
    wanted = {f"Audio/{name}": content for name, content in audio.items()} | {"Video.csv": tables["Video.csv"]}
    return Source(gather, len(audio), "https://page", "small", "all", "free"), wanted


def test_a_repository_is_fetched_with_its_large_files(server, tmp_path, repository):
    row, wanted = repository
    bring(server, tmp_path, row, "cremad")
    assert tree(tmp_path / "cremad") == wanted
    assert [path.name for path in tmp_path.iterdir()] == ["cremad"]


def test_a_large_file_other_than_its_pointer_is_refused_and_the_rest_is_kept(server, tmp_path, repository):
    row, wanted = repository
    path = next(path for path in server.files if path.startswith("/media") and "03-01-05" in path)
    right = server.files[path]
    server.files[path] = right[:-1] + b"\0"
    with pytest.raises(VoxJaxError, match="expected sha256"):
        bring(server, tmp_path, row, "cremad")
    server.files[path] = right
    bring(server, tmp_path, row, "cremad")
    assert tree(tmp_path / "cremad") == wanted
    assert all(len(server.ranges(name)) <= 2 for name in server.files if name.startswith("/media"))


def test_an_archive_other_than_git_lists_is_refused(server, tmp_path, repository):
    row, _ = repository
    listed = f"{API}/{COMMIT}"
    server.files[listed] = server.files[listed].replace(git_hash(b"ActorID,Age\n1001,51\n").encode(), b"0" * 40)
    with pytest.raises(VoxJaxError, match=r"Video\.csv in the archive: expected git 0{40}, found [0-9a-f]{40}"):
        bring(server, tmp_path, row, "cremad")


def test_a_repository_with_a_name_that_leads_outside_is_refused(server, tmp_path, repository):
    row, _ = repository
    listed = f"{API}/tree-Audio"
    server.files[listed] = server.files[listed].replace(b'"path": "03-01-05', b'"path": "../../03-01-05')
    with pytest.raises(VoxJaxError, match="expected plain names below its own folder"):
        bring(server, tmp_path, row, "cremad")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((b'"truncated": false', b'"truncated": true'), "a whole list"),
        ((b"Video.csv", b"Videos.csv"), "expected 'Video"),
    ],
)
def test_a_tree_that_is_cut_or_lacks_a_file_is_told(server, tmp_path, repository, change, said):
    row, _ = repository
    server.files[f"{API}/{COMMIT}"] = server.files[f"{API}/{COMMIT}"].replace(*change)
    with pytest.raises(VoxJaxError, match=said):
        bring(server, tmp_path, row, "cremad")


def lines(names, data_dir="unused"):
    return list(corpus_downloads.download(names, pathlib.Path(data_dir), HURRIED, ""))


def test_names_that_are_not_fetched_say_why():
    assert lines("demo+demo_modal") == [f"demo {corpus_downloads.MADE}", f"demo_modal {corpus_downloads.MADE}"]
    for name, row in by_hand.BY_HAND.items():
        with pytest.raises(
            VoxJaxError, match=f"^{name}: expected a corpus that anyone may fetch, found one {row.why}; "
        ):
            lines(name)
    with pytest.raises(
        UsageError, match=r"--corpus: expected one of demo, demo_modal, ravdess.*'ravdes'; did you mean 'ravdess'\?"
    ):
        lines("demo+ravdes")


def test_the_table_is_complete():
    listed = list(corpus_downloads.listing(pathlib.Path("unused")))
    assert [line.split()[0] for line in listed] == [*GENERATED, *sources.SOURCES, *by_hand.BY_HAND]
    page = (ROOT / "docs/download.md").read_text()
    for name, source in sources.SOURCES.items():
        cells = re.search(rf"^\| `{name}` \|(.*)\|$", page, re.MULTILINE)[1]
        assert source.size in cells and source.page in cells and source.checks in cells
        assert source.licence.partition(":")[0] in cells
    for name in by_hand.BY_HAND:
        assert f"| `{name}` |" in page


def command(*flags):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, *flags],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def killed_at(process, part, size_bytes, by=signal.SIGKILL):
    """Kills it once so much has arrived; what arrived, its exit code and its last words."""
    until = time.monotonic() + 60
    while not part.is_file() or part.stat().st_size < size_bytes:
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.01)
    process.send_signal(by)
    _, words = process.communicate()
    return part.read_bytes(), process.returncode, words


@pytest.fixture
def heeded():
    """Ctrl-C reaches what is started here, though tests may run where it is ignored, as in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize(
    ("by", "ends"), [(signal.SIGKILL, (-signal.SIGKILL, "")), (signal.SIGINT, (130, "interrupted\n"))]
)
def test_the_command_goes_on_after_a_kill_and_refuses_a_standin(server, tmp_path, clips, by, ends):
    """The real row's size and checksum hold for a mirror too, so that a stand-in can't pass."""
    content = server.files[ARCHIVE] = np.random.default_rng(0).bytes(1_000_000)
    flags = ("scripts/download.py", "--corpus=ravdess", f"--data_dir={tmp_path}", f"--mirror={server.url}")
    slow = Way(claimed=208_468_073, piece=50_000, pace_s=0.05)
    server.ways[ARCHIVE] = [slow, Way(claimed=208_468_073, status=404)]
    part = tmp_path / ".ravdess.download/archive" / (ARCHIVE.rpartition("/")[2] + ".part")
    kept, code, words = killed_at(command(*flags), part, 200_000, by)
    assert (code, words) == ends
    assert content.startswith(kept) and not (tmp_path / "ravdess").exists()
    again = command(*flags)
    out, err = again.communicate()
    assert again.returncode == 1 and server.ranges(ARCHIVE) == ["", f"bytes={len(kept)}-"]
    assert "licence: CC BY-NC-SA 4.0" in out
    assert err.startswith("error: Audio_Speech_Actors_01-24.zip: expected to be given ") and err.count("\n") == 1
    server.files[ARCHIVE] = zipped(clips)
    server.ways[ARCHIVE] = [Way()]
    third = command(*flags)
    size = len(server.files[ARCHIVE])
    assert f"expected 208468073 bytes, found {size}; " in third.communicate()[1] and third.returncode == 1
    assert not (tmp_path / "ravdess").exists()


def test_a_killed_download_is_gone_on_with_to_the_end(server, tmp_path, clips):
    server.files[ARCHIVE] = archive = zipped(clips)
    server.ways[ARCHIVE] = [Way(piece=2000, pace_s=0.05), Way()]
    code = textwrap.dedent(f"""
        import pathlib
        from tests.downloads import test_corpora as tests
        source = tests.standin(pathlib.Path({str(tmp_path / "archive")!r}).read_bytes())
        folder = pathlib.Path({str(tmp_path)!r})
        list(tests.corpus_downloads.bring("ravdess", source, folder, tests.HURRIED, {server.url!r}))
    """)
    (tmp_path / "archive").write_bytes(archive)
    part = tmp_path / ".ravdess.download/archive" / (ARCHIVE.rpartition("/")[2] + ".part")
    kept, *_ = killed_at(command("-c", code), part, len(archive) // 2)
    bring(server, tmp_path, standin(archive))
    assert tree(tmp_path / "ravdess") == clips
    assert server.ranges(ARCHIVE)[-1] == f"bytes={len(kept)}-"
    assert server.asked[-1].sent == len(archive) - len(kept), "only the rest"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--corpus=ravdess"], "download.py: expected --data_dir=DIR beside --corpus, found none; add it"),
        (["--corpus=tes", "--data_dir=x"], "did you mean 'tess'?"),
        (["--corpus=tess", "--data_dir=x", "--mirror=zenodo.org"], "--mirror: expected an address as https://"),
        (["--timeout_s=0"], "--timeout_s"),
    ],
)
def test_wrong_use_is_one_line_and_code_2(flags, said):
    process = command("scripts/download.py", *flags)
    out, err = process.communicate()
    assert process.returncode == 2 and said in err and err.count("\n") == 1, (out, err)
