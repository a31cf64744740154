"""The page's parts without a browser: settings, models, limits, words and what is known of models."""

import concurrent.futures
import io
import pathlib
import socket
import sys
import tomllib
import wave

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.deploy.page import visitor
from voxjax.deploy.page import launch, model_facts, player, settings, words
from voxjax.deploy.page.answering import Answer, Answering, Recording, check_count
from voxjax.deploy.page.catalogue import Catalogue, folders
from voxjax.deploy.page.settings import PageSettings
from voxjax.errors import UsageError, VoxJaxError
from voxjax.inference.predictor import EmotionPredictor

ROOT = pathlib.Path(__file__).resolve().parents[3]
SMALL = PageSettings(models=(str(ROOT / "checkpoints/optimized"),), max_megabytes=1, max_minutes=0.5, answer_s=30.0)


def test_settings_pass_through_the_arguments_of_the_script():
    given = PageSettings(("a b", "c"), 3, 1.5, 2, 7.5, 4)
    assert settings.from_arguments(given.arguments()) == given
    assert settings.from_arguments([]) == PageSettings()


@pytest.mark.parametrize("wrong", [["--max_files=many"], ["--folder=/etc"], ["--max_files=0"]])
def test_wrong_settings_give_one_line(wrong):
    with pytest.raises(VoxJaxError, match="expected"):
        settings.from_arguments(wrong)


def test_a_checkout_and_the_command_run_the_page_with_the_same_options():
    tables = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())

    def flat(values, lead=""):
        for name, value in values.items():
            yield from flat(value, f"{lead}{name}.") if isinstance(value, dict) else [(f"{lead}{name}", value)]

    assert dict(flat(tables)) == launch.OPTIONS
    assert not launch.OPTIONS["browser.gatherUsageStats"] and launch.OPTIONS["server.address"] == "127.0.0.1"


def test_visitors_choose_among_names_and_each_model_is_loaded_once(monkeypatch):
    made = []

    class Counted(EmotionPredictor):
        def __init__(self, *arguments, **options):
            made.append(arguments)
            super().__init__(*arguments, **options)

    monkeypatch.setattr("voxjax.deploy.page.catalogue.EmotionPredictor", Counted)
    catalogue = Catalogue.of(SMALL)
    assert catalogue.names[:2] == ["optimized", "whisper_robust"] and len(set(catalogue.names)) == 5
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        loaded = set(pool.map(catalogue.predictor, ["optimized"] * 8))
    assert len(loaded) == len(made) == 1
    for name in (str(ROOT / "checkpoints/ensemble"), "../optimized", ""):
        with pytest.raises(UsageError, match="one of the list"):
            catalogue.predictor(name)


def test_models_of_one_name_get_a_number():
    assert list(folders(("runs/mine/model", "other/mine/", "mine")))[:3] == ["mine", "mine (2)", "mine (3)"]


@pytest.mark.parametrize("name", sorted(path.parent.name for path in ROOT.glob("checkpoints/*/model.json")))
def test_every_shipped_model_states_its_data_figures_licence_and_limits(name):
    facts = Catalogue.of(PageSettings()).facts(name)
    assert "RAVDESS" in facts.data and "CC BY-NC-SA 4.0" in facts.licence and "Not for decisions" in facts.use
    assert [one.name for one in facts.figures] == ["UAR", "accuracy", "macro-F1"] and " to " in facts.figures[
        0
    ].interval
    tested = (
        "people who were in training (expect less for other people)"
        if name == "whisper_known"
        else "people who were not in training"
    )
    assert f"{tested}; guessing gives 13." in facts.summary
    assert len(facts.limits) > 3 and not any("](" in text for text in (facts.data, facts.licence, *facts.limits))


def test_a_model_without_a_card_states_the_figures_of_its_run():
    figures = {"uar": 0.5, "accuracy": 0.6, "accuracy_ci": [0.5, 0.7]}
    meta = {"corpus": "folder", "protocol": "random5", "licence": "mine", "figures": figures}
    facts = model_facts.of("own", ["a", "b"], meta, "")
    assert facts.figures[1] == ("accuracy", "60.0 %", "50.0 to 70.0 %")
    assert "about 60 of 100" in facts.summary and "were in training" in facts.summary and "gives 50" in facts.summary
    assert (facts.data, facts.licence) == ("Corpus folder.", "mine")
    assert model_facts.of("own", ["a", "b"], {}, "").summary == ""


def test_a_page_that_is_busy_says_so_in_one_line():
    work = Answering(Catalogue.of(SMALL), PageSettings(models=SMALL.models, answer_s=0.1, at_once=1))
    recording = Recording("1", "mine.wav", visitor.speech())
    work._places.acquire()
    found = work.answer(recording, "optimized")
    assert isinstance(found, VoxJaxError) and str(found).startswith("mine.wav: expected an answer within 0.1 s")
    work._places.release()
    assert isinstance(Answering(Catalogue.of(SMALL), SMALL).answer(recording, "optimized"), Answer)


def test_too_many_recordings_are_refused():
    check_count(20, PageSettings())
    with pytest.raises(VoxJaxError, match="at most 20 recordings at once, found 21"):
        check_count(21, PageSettings())


@pytest.mark.parametrize(("host", "taken"), [("nowhere.invalid", False), ("127.0.0.1", True)])
def test_an_address_that_can_not_be_listened_on_gives_one_line(host, taken):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1] if taken else 8501
        with pytest.raises(VoxJaxError, match=f"{host}:{port}: expected an address to listen on"):
            launch.free_port(host, port)


def test_names_and_labels_are_shown_as_they_are():
    assert words.plain("a*b_[c](d)") == r"a\*b\_\[c\]\(d\)" and "\n" not in words.plain("a\nb")
    assert [words.percent(p) for p in (0.0, 0.004, 0.5, 1.0)] == ["0 %", "0.4 %", "50 %", "100 %"]
    assert [words.duration(s) for s in (3.21, 247.0)] == ["3.2 s", "4:07 min"]


def test_what_is_played_is_what_models_get():
    samples = np.array([0.0, 0.5, -1.0, 2.0], np.float32)
    with wave.open(io.BytesIO(player.wav(samples, 16_000))) as file:
        assert (file.getframerate(), file.getnchannels()) == (16_000, 1)
        played = np.frombuffer(file.readframes(4), "<i2") / 32_767
    np.testing.assert_allclose(played, [0.0, 0.5, -1.0, 1.0], atol=1e-4)


def test_streamlit_run_shows_the_page_from_a_checkout(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["app.py", f"--model={ROOT / 'checkpoints/optimized'}"])
    page = AppTest.from_file(str(ROOT / "scripts/app.py"), default_timeout=60).run()
    assert [one.value for one in page.title] == ["VoxJAX: the emotion in a voice"] and not page.exception
    assert page.multiselect[0].value == ["optimized"]
