"""Emotions over time, of recordings of any length.

voxjax timeline interview.wav
voxjax timeline interview.wav --format=textgrid
voxjax timeline interviews/ --format=csv --out=interviews.csv --rttm=speakers.rttm
"""

import sys
from collections.abc import Sequence

from absl import flags

from voxjax.cli import adaptation_flags, entrypoint
from voxjax.errors import UsageError, mismatch
from voxjax.inference.smoothing import SMOOTHING
from voxjax.inference.timeline_formats import TIMELINE_FORMATS, TimelineFormat
from voxjax.inference.timeline_formats.base import check_installed
from voxjax.inference.voice_activity import DETECTORS
from voxjax.storage.paths import locate

MODEL = flags.DEFINE_string("model", None, "Model folder, as RUN/model; the default model if not given.")
FORMAT = flags.DEFINE_enum("format", "text", [*TIMELINE_FORMATS, "png"], "How timelines are written; png is a picture.")
OUT = flags.DEFINE_string(
    "out", None, "File for all timelines, in place of the terminal; for formats with a file a recording their folder."
)
OVERWRITE = flags.DEFINE_boolean("overwrite", False, "Replaces files of single recordings that exist.")
WINDOW = flags.DEFINE_float("window", 0.0, "Longest stretch with one answer, in seconds; 0 for the default.")
HOP = flags.DEFINE_float("hop", 0.0, "Greatest distance of two windows, in seconds; 0 for half of a window.")
VAD = flags.DEFINE_enum("vad", "energy", list(DETECTORS), "How speech is found; none takes all of the recording.")
SMOOTHING_FLAG = flags.DEFINE_enum("smoothing", "viterbi", list(SMOOTHING), "How answers are smoothed over time.")
CHANNELS = flags.DEFINE_enum(
    "channels", "mix", ["mix", "separate"], "Whether channels are mixed, or a speaker each: 'channel 1' and so on."
)
RTTM = flags.DEFINE_string("rttm", None, "Who speaks when, from any diariser; segments then have a speaker.")
SEGMENTS = flags.DEFINE_string(
    "segments", None, "Your own segments, one answer each: CSV with start,end, a TextGrid, EAF, RTTM or audformat."
)
TIER = flags.DEFINE_string("tier", "", "Tier of --segments, where that file has several.")
REJECT_BELOW = flags.DEFINE_float("reject_below", None, "Names no emotion below this confidence, from 0 to 1.")
TARGET_ACCURACY = flags.DEFINE_float(
    "target_accuracy", None, "As --reject_below, at the model's own threshold for this accuracy of accepted answers."
)
MAX_MINUTES = flags.DEFINE_float("max_minutes", 24 * 60.0, "Longer recordings are refused.", lower_bound=0.0)


def main(arguments: Sequence[str]) -> int:
    from voxjax.audio.limits import AudioLimits  # imported here, so that --help is fast
    from voxjax.inference import enrolment_list, timeline_files
    from voxjax.inference.predictor import EmotionPredictor
    from voxjax.inference.timeline import Options

    if REJECT_BELOW.value is not None and TARGET_ACCURACY.value is not None:
        expected = "one of --reject_below and --target_accuracy"
        raise UsageError(mismatch("voxjax timeline", expected, "both", "leave one out"))
    options = Options(WINDOW.value, HOP.value, VAD.value, SMOOTHING_FLAG.value, CHANNELS.value == "separate")
    spans = timeline_files.GivenSpans(timeline_files.Given(SEGMENTS.value, TIER.value, RTTM.value))
    adapted = adaptation_flags.choice()
    style = _style()
    places = timeline_files.recordings(arguments)
    paths = [path for path, _ in places]
    inputs = [*paths, *(one for one in (SEGMENTS.value, RTTM.value) if one)]
    targets = [] if style.several else timeline_files.targets(places, style, OUT.value)
    with timeline_files.written_alone(targets or [locate(one) for one in (OUT.value,) if one is not None]):
        if style.several and OUT.value is not None:
            timeline_files.check_target(locate(OUT.value), inputs, overwrite=True)
        for target in targets:
            timeline_files.check_target(target, inputs, OVERWRITE.value)
        limits = AudioLimits(max_duration_s=60.0 * MAX_MINUTES.value)
        predictor = EmotionPredictor(MODEL.value, REJECT_BELOW.value or 0.0, TARGET_ACCURACY.value, limits)
        people = None if adapted is None else enrolment_list.enrol(predictor, adapted)
        found = []
        for i, one in enumerate(timeline_files.shown(predictor, paths, options, spans, people)):
            found.append(one)
            if targets and not one.error:
                timeline_files.write(targets[i], style, [one])
                print(targets[i], flush=True)
        if style.several and OUT.value is not None:
            timeline_files.write(locate(OUT.value), style, found)
        elif style.several:
            sys.stdout.write(style.write(found).decode())
        return _code(found, style.several)


def _style() -> TimelineFormat:
    """The format that is asked for.

    Raises:
        UsageError: if a package for it is not installed.
    """
    if FORMAT.value == "png":
        from voxjax.reporting import timeline_plot  # matplotlib starts slowly

        return timeline_plot.FORMAT
    check_installed(TIMELINE_FORMATS[FORMAT.value])
    return TIMELINE_FORMATS[FORMAT.value]


def _code(found: Sequence, shown: bool) -> int:
    """The exit code, after a line on standard error for what could not be answered."""
    for one in found:
        if one.error and not shown:
            print(f"error: {one.path}: {one.error}", file=sys.stderr)
    failed = sum(bool(one.error) or any(segment.error for segment in one.segments) for one in found)
    if failed:
        where = "each says why" if shown else "see above"
        print(f"error: {failed} of {len(found)} recordings could not be answered in full; {where}", file=sys.stderr)
    return 1 if failed else 0


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run_on(main, "FILE_OR_DIR…")
