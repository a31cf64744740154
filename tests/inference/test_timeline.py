"""Timelines: planted segments are found, given spans are answered once each, and files hold what was found."""

import csv
import io
import itertools
import json
import tracemalloc

import numpy as np
import pytest

from tests.inference import test_predictor
from voxjax import EmotionPredictor
from voxjax.audio.io import AudioError
from voxjax.errors import UsageError
from voxjax.inference import timeline_windows
from voxjax.inference.segments import Segment, Span, Timeline
from voxjax.inference.speech_regions import Region
from voxjax.inference.timeline import Options, joined, timeline
from voxjax.inference.timeline_formats import TIMELINE_FORMATS
from voxjax.inference.timeline_windows import Cut
from voxjax.inference.voice_activity import DETECTORS

RATE_HZ = test_predictor.RATE_HZ
voice = test_predictor.voice


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return EmotionPredictor(test_predictor.saved(tmp_path_factory.mktemp("model"), test_predictor.member(0)))


PLACES = [(1.0, 0.8, 3), (3.0, 0.6, 5), (5.0, 0.9, 8)]  # start, duration, seed


def recording(places=PLACES, duration_s=7.0):
    samples = 1e-4 * np.random.default_rng(0).normal(size=round(duration_s * RATE_HZ))
    for start_s, length_s, seed in places:
        part = voice(length_s, seed)
        samples[round(start_s * RATE_HZ) :][: len(part)] += part
    return samples.astype(np.float32)


def test_planted_segments_are_found(predictor):
    found = timeline(predictor, (recording(), RATE_HZ), Options(smoothing="none", context_s=0.0))
    assert found.duration_s == 7.0 and found.warnings == () and found.labels == test_predictor.LABELS
    assert [(one.start_s, one.end_s) for one in found.segments] == [
        pytest.approx((start, start + length), abs=0.08) for start, length, _ in PLACES
    ]
    for one in found.segments:
        assert one.confidence == max(one.probabilities.values()) == one.probabilities[one.emotion]
        assert sum(one.probabilities.values()) == pytest.approx(1.0)


def test_given_spans_are_answered_as_if_each_were_a_recording(predictor):
    samples = recording()
    spans = [Span(5.0, 5.9, "B", {"trial": "3"}), Span(1.0, 1.8, "A", {"trial": "1"}), Span(1.2, 1.6)]
    found = timeline(predictor, (samples, RATE_HZ), spans=spans)
    assert [(one.start_s, one.end_s, one.speaker, one.columns) for one in found.segments] == [
        (one.start_s, one.end_s, one.speaker, one.columns) for one in spans
    ]
    samples = samples - samples.mean(dtype=np.float64).astype(np.float32)
    cut = [samples[round(one.start_s * RATE_HZ) : round(one.end_s * RATE_HZ)] for one in spans]
    for one, vote in zip(found.segments, predictor.window_votes(cut), strict=True):
        expected = np.exp(vote.log_probabilities / predictor.temperature)
        np.testing.assert_allclose(list(one.probabilities.values()), expected / expected.sum(), atol=1e-5)


def test_spans_that_have_no_answer_say_why_and_none_is_lost(predictor):
    spans = [Span(1.0, 1.05), Span(8.0, 9.0), Span(5.0, 9.0), Span(3.0, float("inf"))]
    short, beyond, long, open_end = timeline(predictor, (recording(), RATE_HZ), spans=spans).segments
    assert "at least 0.1 s" in short.error and "before the end at 7.00 s" in beyond.error
    assert (short.emotion, short.probabilities, short.confidence) == (None, {}, 0.0)
    assert not long.error and long.warnings[0].startswith("ends 2.00 s after the recording")
    assert open_end.end_s == 7.0 and not open_end.error and open_end.warnings == []


def test_warnings_about_sound_stand_in_the_segments_that_they_are_about(predictor):
    noise = 0.05 * np.random.default_rng(0).standard_normal(2 * RATE_HZ).astype(np.float32)
    samples = np.concatenate([recording(), noise])
    spans = [Span(3.0, 3.6), Span(7.0, 9.0), Span(7.2, 7.5)]
    sound, hiss, short = (
        [text.split(" (")[0] for text in one.warnings]
        for one in timeline(predictor, (samples, RATE_HZ), spans=spans).segments
    )
    assert "no speech found" not in sound and "no speech found" in hiss
    assert any(text.startswith("only 0.3 s long") for text in short)


def test_a_silent_span_is_an_error(predictor):
    samples = np.concatenate([np.zeros(RATE_HZ, np.float32), voice(1.0), -voice(1.0)])  # mean 0
    silent, sound = timeline(predictor, (samples, RATE_HZ), spans=[Span(0.0, 1.0), Span(1.0, 2.0)]).segments
    assert "silence" in silent.error and sound.error == ""


def test_speakers_of_turns_are_kept_and_may_overlap(predictor):
    turns = [Span(1.0, 1.8, "A"), Span(1.5, 3.6, "B"), Span(5.0, 5.5, "A"), Span(5.5, 5.9, "A")]
    found = timeline(predictor, (recording(), RATE_HZ), turns=turns).segments
    by_speaker = {name: [one for one in found if one.speaker == name] for name in "AB"}
    assert (by_speaker["A"][0].start_s, by_speaker["A"][0].end_s) == (1.0, 1.8)
    assert by_speaker["A"][1].start_s == 5.0 and by_speaker["A"][-1].end_s == 5.9
    assert by_speaker["B"][0].start_s == 1.5 and by_speaker["B"][-1].end_s == 3.6
    assert found == sorted(found, key=lambda one: (one.start_s, one.end_s))


def test_turns_of_one_speaker_that_overlap_are_one():
    turns = [Span(4.0, 5.0, "A"), Span(0.0, 2.0, "A"), Span(1.0, 3.0, "B"), Span(1.5, 2.5, "A")]
    assert joined(turns) == [Span(0.0, 2.5, "A"), Span(1.0, 3.0, "B"), Span(4.0, 5.0, "A")]


def test_each_channel_is_a_speaker(predictor):
    both = np.stack([recording(PLACES[:1]), recording(PLACES[1:])], axis=1)
    found = timeline(predictor, (both, RATE_HZ), Options(separate=True)).segments
    assert [one.speaker for one in found] == ["channel 1", "channel 2", "channel 2"]
    silent = np.stack([recording(), np.zeros(7 * RATE_HZ, np.float32)], axis=1)
    found = timeline(predictor, (silent, RATE_HZ), Options(separate=True))
    assert {one.speaker for one in found.segments} == {"channel 1"} and found.warnings == ("channel 2: silence",)


def test_without_detection_all_of_the_sound_is_in_segments(predictor):
    found = timeline(predictor, (voice(3.0), RATE_HZ), Options(window_s=0.8, vad="none")).segments
    assert found[0].start_s == 0.0 and found[-1].end_s == pytest.approx(3.0)
    for before, after in itertools.pairwise(found):
        assert before.end_s == after.start_s and before.emotion != after.emotion


def test_no_speech_is_said(predictor):
    noise = 1e-2 * np.random.default_rng(3).normal(size=3 * RATE_HZ)
    found = timeline(predictor, (noise, RATE_HZ))
    assert found.segments == [] and "--vad=none" in found.warnings[0]


def test_answers_below_a_confidence_are_withheld(predictor):
    strict = EmotionPredictor(predictor.model, reject_below=1.0)
    found = timeline(strict, (recording(), RATE_HZ)).segments
    assert [one.emotion for one in found] == [None] * 3 and all(0 < one.confidence < 1 for one in found)


@pytest.mark.parametrize(
    ("options", "spans", "turns", "words"),
    [
        (Options(window_s=1.5), None, None, "--window: expected at most the model's 1 s, found 1.5"),
        (Options(separate=True), [Span(0.0, 1.0)], None, "found several"),
        (Options(), [Span(0.0, 1.0)], [Span(0.0, 1.0)], "found several"),
    ],
)
def test_wrong_use_gives_one_line(predictor, options, spans, turns, words):
    with pytest.raises(UsageError, match=words):
        timeline(predictor, (voice(2.0), RATE_HZ), options, spans, turns)


@pytest.mark.parametrize("values", [{"vad": "loud"}, {"smoothing": "mean"}, {"window_s": 0.01}, {"hop_s": -1.0}])
def test_options_are_checked(values):
    with pytest.raises(UsageError):
        Options(**values)


def test_a_silent_recording_is_an_error(predictor):
    with pytest.raises(AudioError, match="silence"):
        timeline(predictor, (np.zeros(RATE_HZ), RATE_HZ))


def test_windows_cover_a_region_once():
    for length_s in (0.5, 3.9, 4.0, 4.1, 7.0, 30.0):
        region = Region(10.0, 10.0 + length_s, 9.8, 10.2 + length_s)
        found = timeline_windows.windows(region, Cut(4.0, 2.0), 0)
        assert found[0].from_s == pytest.approx(9.8) and found[-1].to_s == pytest.approx(10.2 + length_s)
        assert all(one.to_s - one.from_s <= 4.0 + 1e-9 for one in found)
        assert found[0].start_s == 10.0 and found[-1].end_s == 10.0 + length_s
        for before, after in itertools.pairwise(found):
            assert before.end_s == after.start_s and 0 < after.from_s - before.from_s <= 2.0 + 1e-9


def test_memory_does_not_grow_with_the_recording():
    class Track:
        def __init__(self, minutes):
            self.minutes = minutes

        def blocks(self):
            return (voice(1.0, 1) * (i % 4 != 0) for i in range(60 * self.minutes))

    peaks = []
    for minutes in (3, 9):
        tracemalloc.start()
        count = sum(1 for _ in timeline_windows.of_speech(Track(minutes), RATE_HZ, Cut(1.0, 0.5), DETECTORS["none"]))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count >= 60 * minutes
    assert peaks[1] < 1.2 * peaks[0]


SEGMENTS = [
    Segment(
        0.5, 1.25, "Ann", "happy", 0.75, {"happy": 0.75, "sad": 0.25}, 1.5, ["unlike"], {"start": "=1+1", "note": "a,b"}
    ),
    Segment(2.0, 2.5, "", None, 0.5, {"happy": 0.5, "sad": 0.5}),
    Segment(9.0, 9.5, "", None, 0.0, {}, columns={"note": "後"}, error="beyond"),
]
TIMELINES = [
    Timeline("a.wav", 3.0, "m", ("happy", "sad"), SEGMENTS),
    Timeline("b\n.wav", 0.0, "m", ("happy", "sad"), [], error="no sound"),
]


def written(name):
    return TIMELINE_FORMATS[name].write(TIMELINES).decode()


def test_csv_has_a_row_for_each_segment_and_each_error():
    text = written("csv")
    first, withheld, beyond, unread = csv.DictReader(io.StringIO(text, newline=""))
    assert list(first)[:7] == ["file", "start", "end", "duration", "speaker", "emotion", "confidence"]
    assert list(first)[7:] == ["happy", "sad", "distance", "warnings", "error", "given_start", "note"]
    assert (first["start"], first["duration"], first["emotion"], first["happy"]) == ("0.5", "0.75", "happy", "0.75")
    assert (first["given_start"], first["note"], first["warnings"]) == ("'=1+1", "a,b", "unlike")
    assert (withheld["emotion"], withheld["confidence"]) == ("", "0.5")
    assert (beyond["error"], beyond["confidence"], beyond["happy"], beyond["note"]) == ("beyond", "", "", "後")
    assert (unread["file"], unread["error"], unread["start"]) == ("b\n.wav", "no sound", "")


def test_json_is_one_document_and_json_lines_one_object_a_segment():
    first, unread = json.loads(written("json"))
    assert [one["start_s"] for one in first["segments"]] == [0.5, 2.0, 9.0]
    assert first["segments"][0]["columns"] == {"start": "=1+1", "note": "a,b"} and unread["error"] == "no sound"
    lines = [json.loads(line) for line in written("jsonl").splitlines()]
    assert [one["file"] for one in lines] == ["a.wav"] * 3 + ["b\n.wav"]
    assert lines[1]["emotion"] is None and lines[2]["error"] == "beyond" and lines[3]["error"] == "no sound"


def test_text_has_a_line_for_each_segment():
    lines = written("text").splitlines()
    assert lines[0] == "a.wav  0:00:03.0, 3 segments"
    assert lines[1] == "  0:00:00.5 - 0:00:01.2  Ann  happy       75 % [1]"
    assert "uncertain   50 %" in lines[2] and lines[3].endswith("error: beyond")
    assert lines[4] == "  [1] unlike (1 of 3)"
    assert lines[5] == "b\\n.wav  error: no sound"
