"""The tab for recordings in a real browser: from an upload to what is saved, and what must not happen."""

import csv
import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from playwright import sync_api
from praatio import textgrid

from tests.deploy.page import visitor
from tests.deploy.page.conftest import ROOT
from voxjax.inference import timeline as timelines
from voxjax.inference.predictor import EmotionPredictor

SPEECH = visitor.speech()


@pytest.fixture(scope="module")
def predictor():
    """The model that is chosen when the page opens."""
    return EmotionPredictor(ROOT / "checkpoints/optimized")


@pytest.fixture(scope="module")
def expected(predictor):
    """The answer and the timeline that the page should give."""
    return predictor.predict(io.BytesIO(SPEECH)), timelines.timeline(predictor, io.BytesIO(SPEECH))


@pytest.fixture(scope="module")
def page(module_page):
    """The page of a visitor who has uploaded a recording and got the answer."""
    visitor.upload(module_page, speech=SPEECH)
    visitor.answered(module_page)
    return module_page


def rounded(probability):
    return f"{100 * probability:.0f} %"


def headline(result):
    return f"{result['emotion']}, with a confidence of {rounded(result['confidence'])}"


def test_an_upload_is_answered_as_the_predictor_answers_it(page, expected):
    result, _ = expected
    assert visitor.answered(page) == [headline(result)]
    cells = page.get_by_test_id("stTable").nth(0).locator("td")
    best = max(result["probabilities"].items(), key=lambda item: item[1])
    sync_api.expect(cells.nth(0)).to_have_text(best[0])
    sync_api.expect(cells.nth(1)).to_have_text(rounded(best[1]))
    text = page.get_by_test_id("stMain").inner_text()
    for warning in result["warnings"]:
        assert warning[1:20] in text
    for part in (
        "About optimized",
        "RAVDESS",
        "CC BY-NC-SA 4.0",
        "66.7 %",
        "61.8 to 71.5 %",
        "not what a person feels",
    ):
        assert part in text, part
    assert "names about 68 of 100 clips rightly" in text and "guessing gives 13" in text


def test_the_timeline_follows_the_sound_and_leads_to_its_places(page, expected):
    _, timeline = expected
    segments = visitor.player(page).get_by_role("button")
    assert len(timeline.segments) > 1
    sync_api.expect(segments).to_have_count(len(timeline.segments))
    last = timeline.segments[-1]
    name = re.compile(rf"{last.emotion}, {rounded(last.confidence)}, .* to {last.end_s:.1f} s: go there")
    visitor.player(page).get_by_role("button", name=name).click()
    assert visitor.current_time(page) == pytest.approx(last.start_s, abs=0.05)
    visitor.player(page).locator("button[tabindex='0']").press("Enter")
    assert visitor.current_time(page) == pytest.approx(timeline.segments[0].start_s, abs=0.05)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert visitor.current_time(page) == pytest.approx(timeline.segments[1].start_s, abs=0.05)
    place = page.get_by_role("slider", name="Place in the recording")
    place.press("Home")
    place.press(" ")
    root = visitor.player(page)
    page.wait_for_function("one => Number(one.dataset.time) > 0.2", arg=root.element_handle())
    place.press(" ")
    cursor = root.locator(".cursor").first.evaluate("one => parseFloat(one.style.left)")
    expected_place = 100 * visitor.current_time(page) / timeline.duration_s
    assert cursor == pytest.approx(expected_place, abs=2.0) and cursor > 1.0
    drawn = (
        root.locator("canvas")
        .nth(1)
        .evaluate("one => [...new Set(one.getContext('2d').getImageData(0, 0, one.width, one.height).data)].length")
    )
    assert drawn > 50  # levels of colours: a spectrogram, not one area


def test_what_is_saved_is_what_the_predictor_gives(page, expected, tmp_path):
    _, timeline = expected
    table, name = visitor.saved(page, "CSV")
    rows = list(csv.DictReader(io.StringIO(table.decode())))
    assert name == "speech_optimized.csv"
    assert [row["emotion"] for row in rows] == [one.emotion for one in timeline.segments]
    document, name = visitor.saved(page, "JSON")
    [found] = json.loads(document)
    assert name == "speech_optimized.json"
    assert (found["file"], found["model"]) == ("speech.wav", "optimized")  # no folder of the server
    given = [one["confidence"] for one in found["segments"]]
    np.testing.assert_allclose(given, [one.confidence for one in timeline.segments], atol=1e-4)
    content, name = visitor.saved(page, "TextGrid for Praat")
    (path := tmp_path / name).write_bytes(content)
    tier = textgrid.openTextgrid(str(path), includeEmptyIntervals=False).getTier("emotion")
    assert [one.label for one in tier.entries] == [one.emotion for one in timeline.segments]
    assert tier.entries[0].start == pytest.approx(timeline.segments[0].start_s, abs=1e-3)
    picture, name = visitor.saved(page, "Picture (PNG)")
    image = Image.open(io.BytesIO(picture))
    assert name == "speech_optimized.png" and image.width > 1_000 and len(image.convert("RGB").getcolors(2**24)) > 100


def test_an_answer_is_explained_where_it_is_asked_for(page):
    page.get_by_text("Why this answer?").click()
    page.get_by_role("button", name="Explain", exact=True).click()
    picture = page.get_by_role("img", name=re.compile("speech.wav: .* nats"))
    picture.wait_for()
    page.wait_for_function("one => one.complete && one.naturalWidth > 500", arg=picture.element_handle())
    content, name = visitor.saved(page, "Patches: CSV")
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert name.endswith("_explanation.csv") and max(abs(float(row["effect_nats"])) for row in rows) > 0.1


def test_models_are_compared_beside_each_other(page):
    visitor.choose_model(page, "whisper_statistics")
    page.get_by_role("heading", name="Timeline by whisper_statistics").wait_for()
    headlines = visitor.answered(page)
    assert [one.partition(":")[0] for one in headlines] == ["optimized", "whisper_statistics"]
    header = page.get_by_test_id("stTable").nth(0).locator("th")
    sync_api.expect(header).to_have_text(["Emotion", "optimized", "whisper_statistics"])
    abouts = page.get_by_role("heading", name="About ").all_inner_texts()
    assert abouts == ["About optimized", "About whisper_statistics"]


def test_several_files_are_a_table_in_which_a_broken_one_has_one_line(new_page):
    page = new_page()
    hostile = "![x](http://192.0.2.1/x.png) *a* $b$ <b>.wav"
    visitor.upload(page, **{"speech": SPEECH, hostile: visitor.speech("happy", 1), "broken": b"no sound at all" * 99})
    rows = page.get_by_test_id("stTable").first.locator("tbody tr")
    sync_api.expect(rows).to_have_count(3)  # files arrive one by one
    visitor.settled(page)
    rows = [row.locator("td").all_inner_texts() for row in rows.all()]
    assert [row[0] for row in rows] == ["speech.wav", hostile, "broken.wav"]
    assert [row[2] == "not answered" for row in rows] == [False, False, True]
    assert "broken.wav: expected" in rows[-1][-1] and "\n" not in rows[-1][-1]
    page.get_by_role("combobox", name="Recording to look at").click()
    page.get_by_role("option", name="broken.wav").click()
    alert = page.get_by_role("alert").filter(has_text="broken.wav: expected")
    alert.wait_for()
    content, name = visitor.saved(page, "All answers: CSV")
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert name == "answers.csv" and [row["path"] for row in rows] == ["speech.wav", hostile]
    content, name = visitor.saved(page, "All answers: JSON")
    lines = [json.loads(line) for line in content.splitlines()]
    assert name == "answers.jsonl" and [row["emotion"] for row in lines] == [line["emotion"] for line in lines]
    assert lines[0]["path"] == "speech.wav" and abs(sum(lines[0]["probabilities"].values()) - 1) < 1e-4


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"large": visitor.wav(np.zeros(600_000))}, "File must be 1.0MB or smaller."),
        ({"long": visitor.wav(0.1 * np.ones(31 * 8_000), 8_000)}, "long.wav: expected at most"),
        ({f"{i}": SPEECH for i in range(4)}, "recordings: expected at most 3 recordings at once, found 4"),
    ],
)
def test_what_is_beyond_a_limit_gets_one_line(new_page, files, line):
    page = new_page()
    visitor.upload(page, **files)
    page.get_by_text(line).first.wait_for()
    assert page.get_by_text("with a confidence of").count() == 0


def test_two_visitors_at_once_get_their_own_answers_and_nothing_of_each_other(new_page, predictor, expected):
    first, second = new_page(), new_page()
    visitor.upload(first, mine=SPEECH)
    visitor.upload(second, yours=(yours := visitor.speech("happy", 1)))
    own = [headline(result) for result in (expected[0], predictor.predict(io.BytesIO(yours)))]
    assert [visitor.answered(one) for one in (first, second)] == [own[:1], own[1:]] and own[0] != own[1]
    assert "mine.wav" not in second.get_by_test_id("stApp").inner_text()
    assert "yours.wav" not in first.get_by_test_id("stApp").inner_text()
    third = new_page()
    visitor.settled(third)
    assert third.get_by_text("Upload or record speech").is_visible() and visitor.player(third).count() == 0


def test_a_voice_is_recorded_and_answered(new_page):
    page = new_page()
    page.get_by_role("button", name="Record").click()
    page.get_by_role("button", name="Stop recording").wait_for()
    page.wait_for_timeout(1_500)
    page.get_by_role("button", name="Stop recording").click()
    assert len(visitor.answered(page)) == 1
    assert page.get_by_role("heading", name="recorded.wav").is_visible()
