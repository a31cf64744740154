import io
import struct
import time

import numpy as np
import pytest
import soundfile
from PIL import Image
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

from voxjax.experiments import tensorboard
from voxjax.experiments.tensorboard import TensorBoardWriter
from voxjax.storage.paths import locate

HISTORY = [{"epoch": e, "train_loss": 1 / e, "valid_loss": 1 / e, "valid_uar": 0.1 * e} for e in (1, 2)]


def events(folder):
    """Every event below the folder. A record is a length, its checksum, the bytes, and their checksum."""
    found = []
    for path in sorted(folder.rglob("events.*")):
        data, place = path.read_bytes(), 0
        while place < len(data):
            (length,) = struct.unpack_from("<Q", data, place)
            found.append(Event.FromString(data[place + 12 : place + 12 + length]))
            place += length + 16
        assert place == len(data)
    return found


def values(folder):
    return {value.tag: (event.step, value) for event in events(folder) for value in event.summary.value}


def curve(folder, name):
    found = ((event.step, value) for event in events(folder) for value in event.summary.value)
    return [(step, value.simple_value) for step, value in found if value.tag == name]


def hyperparameters(folder):
    """Those of each run below the folder, as TensorBoard's table has them."""
    found = {}
    for path in sorted(folder.rglob("events.*")):
        for tag, (_, value) in values(path.parent).items():
            stored = HParamsPluginData.FromString(value.metadata.plugin_data.content)
            for field, part in stored.ListFields():
                if tag.endswith("start_info") and field.name.endswith("start_info"):
                    found[path.parent.name] = dict(part.hparams)
    return found


def test_scalars_are_written_at_their_steps(tmp_path):
    with TensorBoardWriter(tmp_path) as monitor:
        for step in range(3):
            monitor.scalars("train", step, {"loss": np.float32(0.5 * step), "accuracy": 0.25})
            monitor.scalars("valid", step, {"loss": 2.0})
    assert curve(tmp_path / "train", "loss") == [(0, 0.0), (1, 0.5), (2, 1.0)]
    assert curve(tmp_path / "valid", "loss") == [(0, 2.0), (1, 2.0), (2, 2.0)], "of one name, so in one chart"


def test_images_are_in_colour_and_complete(tmp_path):
    with TensorBoardWriter(tmp_path) as monitor:
        monitor.confusion("valid", 4, ["calm", "sad"], np.array([[9, 1], [2, 8]]))
        monitor.history(4, HISTORY)
    found = values(tmp_path)
    for name in ("confusion", "history"):
        step, value = found[name]
        with Image.open(io.BytesIO(value.image.encoded_image_string)) as image:
            assert (step, image.mode, image.width) == (4, "RGB", value.image.width)
            assert len(image.getcolors(maxcolors=10**6)) > 50


def test_audio_is_written_with_16_bits(tmp_path, capsys):
    samples = 1.5 * np.sin(np.arange(1600) / 20)
    with TensorBoardWriter(tmp_path) as monitor:
        monitor.audio(1, "clip", samples, 16_000)
    audio = values(tmp_path)["clip"][1].audio
    decoded, rate = soundfile.read(io.BytesIO(audio.encoded_audio_string))
    assert rate == audio.sample_rate == 16_000
    np.testing.assert_allclose(decoded, np.clip(samples, -1, 1), atol=1e-4)
    assert capsys.readouterr().out == ""  # no warning of clipping


def test_text_is_written(tmp_path):
    with TensorBoardWriter(tmp_path) as monitor:
        monitor.text(0, "command", "`python scripts/train.py`")
    (value,) = [value for tag, (_, value) in values(tmp_path).items() if "command" in tag]
    assert value.tensor.string_val == [b"`python scripts/train.py`"]


def test_hyperparameters_are_one_row_with_the_test_figures(tmp_path):
    chosen = {"name": "optimized", "hyper.dropout": 0.2, "offline_augment.methods": ("noise", "pitch")}
    with TensorBoardWriter(tmp_path) as monitor:
        monitor.scalars("valid", 3, {"uar": 0.6})
        monitor.finished(3, chosen, {"uar": np.float64(0.7)})
    (row,) = hyperparameters(tmp_path).values()
    assert row["name"].string_value == "optimized" and row["hyper.dropout"].number_value == 0.2
    assert row["offline_augment.methods"].string_value == "('noise', 'pitch')"
    assert not any(tag.endswith("experiment") for tag in values(tmp_path)), "which would hide columns of other runs"
    assert curve(tmp_path / "test", "uar") == [(3, pytest.approx(0.7))]
    assert {path.name for path in tmp_path.iterdir()} == {"valid", "test"}, "no run is listed twice"


def test_the_command_names_the_extra_where_it_is_missing(tmp_path, monkeypatch):
    shown = f"tensorboard --logdir='{tmp_path}/my run/tensorboard'"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert tensorboard.command(tmp_path / "my run") == shown
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert tensorboard.command(tmp_path / "my run") == f"{shown} (after pip install 'voxjax[tensorboard]')"


def test_a_resumed_run_hides_the_steps_that_it_repeats(tmp_path):
    with TensorBoardWriter(tmp_path / "a") as monitor:
        monitor.scalars("train", 9, {"loss": 1.0})
    with TensorBoardWriter(tmp_path / "b", first_step=5) as monitor:
        monitor.scalars("train", 5, {"loss": 2.0})
    assert marked(tmp_path / "b") == [5]
    assert marked(tmp_path / "a") == []


def marked(folder):
    """Steps from which TensorBoard drops earlier events."""
    names = [(event.step, [field.name for field, _ in event.ListFields()]) for event in events(folder)]
    return [step for step, fields in names if any(name.endswith("_log") for name in fields)]


def test_closing_twice_is_harmless(tmp_path):
    monitor = TensorBoardWriter(tmp_path)
    monitor.scalars("train", 0, {"loss": 1.0})
    monitor.close()
    monitor.close()
    assert list(values(tmp_path)) == ["loss"]


def test_a_bucket_gets_the_events_while_the_run_goes_on(bucket, gcs, tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard, "_UPLOAD_EVERY_S", 0)
    with TensorBoardWriter(locate(bucket) / "tensorboard") as monitor:
        monitor.scalars("train", 0, {"loss": 1.0})
        deadline = time.monotonic() + 60  # tensorboardX writes in a thread
        while "loss" not in downloaded(bucket, gcs, tmp_path) and time.monotonic() < deadline:
            monitor.scalars("train", 1, {"uar": 0.5})
        assert downloaded(bucket, gcs, tmp_path)["loss"] == 0
        monitor.finished(2, {"name": "optimized"}, {"accuracy": 0.7})
    assert downloaded(bucket, gcs, tmp_path).items() >= {"loss": 0, "uar": 1, "accuracy": 2}.items()
    assert any("test/events" in name for _, name in gcs.objects)


def downloaded(bucket, gcs, folder):
    for b, name in gcs.objects:
        if f"gs://{b}" == bucket:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gcs.objects[b, name][0])
    return {tag: step for tag, (step, _) in values(folder).items()}
