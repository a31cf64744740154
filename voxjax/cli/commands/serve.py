"""Answers over HTTP and WebSocket, for programs.

voxjax serve
voxjax serve --host=0.0.0.0 --port=8080 --token_file=token.txt
curl -F file=@speech.wav http://127.0.0.1:8080/v1/predict
"""

from absl import flags

from voxjax.cli import entrypoint
from voxjax.errors import UsageError, mismatch
from voxjax.storage.paths import locate, service_token

HOST = flags.DEFINE_string("host", "127.0.0.1", "Address to listen on; by default only this machine reaches it.")
PORT = flags.DEFINE_integer("port", 8080, "Port to listen on; 0 for a free one.", 0, 65_535)
MODEL = flags.DEFINE_string("model", None, "Model folder, as RUN/model; the default model if not given.")
TOKEN_FILE = flags.DEFINE_string(
    "token_file", None, "File with the token that requests must bear; else the environment's VOXJAX_SERVE_TOKEN."
)
ALLOW_ORIGIN = flags.DEFINE_multi_string(
    "allow_origin", [], "Origin of web pages that may open streams, as https://example.org; can be given several times."
)
REJECT_BELOW = flags.DEFINE_float("reject_below", None, "Names no emotion below this confidence, from 0 to 1.")
TARGET_ACCURACY = flags.DEFINE_float(
    "target_accuracy", None, "As --reject_below, at the model's own threshold for this accuracy of accepted answers."
)
MAX_MEGABYTES = flags.DEFINE_float("max_megabytes", 25.0, "Larger bodies are refused.", 0.001, 4_000.0)
MAX_MINUTES = flags.DEFINE_float("max_minutes", 10.0, "Longer recordings are refused.", 0.01, 1_440.0)
MAX_WAITING = flags.DEFINE_integer("max_waiting", 64, "Requests at once; a further one gets 429.", 1, 10_000)
MAX_STREAMS = flags.DEFINE_integer("max_streams", 8, "Streams at once; a further one gets 429.", 0, 10_000)
BODY_SECONDS = flags.DEFINE_float("body_seconds", 30.0, "Within which a body must come.", 0.1, 86_400.0)
ANSWER_SECONDS = flags.DEFINE_float("answer_seconds", 60.0, "Within which a request is answered.", 0.1, 86_400.0)


def main() -> None:
    from voxjax.deploy.service import settings  # imported here, so that --help and wrong use answer at once

    if REJECT_BELOW.value is not None and TARGET_ACCURACY.value is not None:
        expected = "one of --reject_below and --target_accuracy"
        raise UsageError(mismatch("voxjax serve", expected, "both", "leave one out"))
    settings.check_installed()
    token, origins = _token(), settings.checked_origins(ALLOW_ORIGIN.value)
    limits = settings.ServiceLimits(
        max_bytes=round(1e6 * MAX_MEGABYTES.value),
        max_duration_s=60.0 * MAX_MINUTES.value,
        max_waiting=MAX_WAITING.value,
        max_streams=MAX_STREAMS.value,
        body_s=BODY_SECONDS.value,
        answer_s=ANSWER_SECONDS.value,
    )
    from voxjax.deploy.service import server
    from voxjax.deploy.service.service import Service
    from voxjax.inference.predictor import EmotionPredictor

    predictor = EmotionPredictor(MODEL.value, REJECT_BELOW.value or 0.0, TARGET_ACCURACY.value, limits.audio())
    server.run(Service(predictor, limits, token, origins=origins), HOST.value, PORT.value)


def _token() -> str | None:
    """The token from the file or the environment.

    Raises:
        UsageError: at a file that can't be read, or a text that is no token.
    """
    from voxjax.deploy.service.settings import checked_token

    if TOKEN_FILE.value is None:
        return checked_token(service_token(), "VOXJAX_SERVE_TOKEN")
    try:
        text = locate(TOKEN_FILE.value).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        found = getattr(error, "strerror", None) or "another file"
        raise UsageError(mismatch(TOKEN_FILE.value, "a file with a token", found, "check the path")) from error
    return checked_token(text, "--token_file")


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run(main)
