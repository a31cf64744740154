"""Answers over HTTP equal the predictor's; what can't be answered is refused with one line of JSON."""

import concurrent.futures
import contextlib
import io
import json
import socket
import threading

import httpx
import numpy as np
import pytest
import soundfile

from tests.deploy.service.conftest import LIMITS, sound
from tests.deploy.service.serving import running, wait_until
from voxjax.deploy.service import logs
from voxjax.deploy.service.service import Service
from voxjax.deploy.service.settings import ServiceLimits
from voxjax.inference.timeline import timeline
from voxjax.inference.timeline_formats import TIMELINE_FORMATS

AUDIO = {"content-type": "audio/wav"}
PART = b"POST /v1/predict HTTP/1.1\r\nhost: a\r\ncontent-type: audio/wav\r\ncontent-length: 9\r\n\r\nxx"  # 2 of 9 bytes


def error_of(response, status):
    """The one line of a refused request."""
    assert response.status_code == status, response.text
    body = response.json()
    assert list(body) == ["error"] and "\n" not in body["error"] and "Traceback" not in body["error"]
    assert "0x" not in body["error"] and "/tmp" not in body["error"]
    return body["error"]


def logged(capfd, last):
    """The lines of the log up to that of a request for a route, and the standard error."""
    texts = ["", ""]

    def is_there():
        for i, text in enumerate(capfd.readouterr()):
            texts[i] += text
        return f'"route": "/{last}"' in texts[0]

    wait_until(is_there)
    return [json.loads(line) for line in texts[0].splitlines()], texts[1]


def same(answer, expected):
    """Whether an answer is the predictor's, up to the rounding of another batch."""
    close = [abs(answer["probabilities"][name] - one) < 1e-5 for name, one in expected["probabilities"].items()]
    return all(close) and answer["emotion"] == expected["emotion"]


def test_200_requests_by_16_clients_at_once_are_answered_as_by_the_predictor(url, predictor, service):
    files = [sound(label, take) for label in ("angry", "sad", "happy", "calm") for take in range(3)]
    expected = [predictor.predict(io.BytesIO(one)) for one in files]

    def ask(client, i):
        if i % 2:
            return client.post(f"{url}/v1/predict", content=files[i % 12], headers=AUDIO)
        return client.post(f"{url}/v1/predict", files={"file": (f"secret-{i}.wav", files[i % 12])})

    with httpx.Client(timeout=60.0) as client, concurrent.futures.ThreadPoolExecutor(16) as pool:
        responses = list(pool.map(lambda i: ask(client, i), range(200)))
    assert [one.status_code for one in responses] == [200] * 200
    assert all(same(one.json(), expected[i % 12]) for i, one in enumerate(responses))
    assert (
        responses[0].json()["model"] == "optimized" and len({one.headers["x-request-id"] for one in responses}) == 200
    )
    metrics = httpx.get(f"{url}/metrics").text
    batches, total = (
        float(line.split()[-1])
        for name in ("count", "sum")
        for line in metrics.splitlines()
        if line.startswith(f"voxjax_batch_size_{name} ")
    )
    assert total >= 200 and total / batches > 2  # of 16 clients, more than two are computed together
    assert service.requests == 0 and service.waiting() == 0


def test_timelines_are_those_of_the_command_in_every_format(url, predictor, speech):
    file = io.BytesIO()
    soundfile.write(file, speech, predictor.sample_rate_hz, format="WAV", subtype="FLOAT")
    expected = timeline(predictor, io.BytesIO(file.getvalue()))
    answer = httpx.post(f"{url}/v1/timeline", content=file.getvalue(), headers=AUDIO, timeout=60).json()
    assert answer["duration_s"] == 10.0 and len(answer["segments"]) == len(expected.segments) >= 2
    for one, own in zip(answer["segments"], expected.segments, strict=True):
        assert (one["start_s"], one["emotion"]) == (pytest.approx(own.start_s, abs=1e-5), own.emotion)
        assert one["probabilities"] == pytest.approx(own.probabilities, abs=1e-5)
    for name in TIMELINE_FORMATS:
        response = httpx.post(f"{url}/v1/timeline?format={name}", content=file.getvalue(), headers=AUDIO, timeout=60)
        assert response.status_code == 200 and response.content and str(predictor.model) not in response.text, name
    csv = httpx.post(f"{url}/v1/timeline?format=csv", content=file.getvalue(), headers=AUDIO, timeout=60)
    assert csv.headers["content-type"].startswith("text/csv") and csv.text.startswith("file,start,end")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "empty"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", "the sound"),
        (sound()[:2_000], "cut off"),
        (b"hello, this is text", "text"),
        (bytes(range(256)) * 40, "the sound"),
    ],
)
def test_bad_sound_costs_one_line(url, content, part):
    for given in ({"content": content, "headers": AUDIO}, {"files": {"file": ("private name.wav", content)}}):
        for route in ("predict", "timeline"):
            error = error_of(httpx.post(f"{url}/v1/{route}", **given), 422)
            assert "private" not in error and (part in error or "sound file" in error)


def test_wrong_requests_are_named_as_what_they_are(url):
    post = f"{url}/v1/predict"
    assert "longer" not in error_of(httpx.post(post, content=b"x", headers={"content-type": "text/plain"}), 415)
    assert "field" in error_of(httpx.post(post, files={"other": ("a.wav", sound())}), 422)
    assert "field" in error_of(httpx.post(post, files={"file": ("a.wav", sound())}, data={"more": "1"}), 422)
    assert "field" in error_of(httpx.post(post, data={"file": "text"}, files={}), 415)
    error_of(httpx.post(f"{post}?model=x", content=sound(), headers=AUDIO), 422)
    for query in ("format=xml", "formt=csv", "hop=0.01", "window=-1", "window=nan", "window=1000"):
        error_of(httpx.post(f"{url}/v1/timeline?{query}", content=sound(), headers=AUDIO), 422)
    assert httpx.get(post).headers["allow"] == "POST"
    for method in ("GET", "PUT", "DELETE"):
        error_of(httpx.request(method, post), 405)
    error_of(httpx.get(f"{url}/v1/models"), 404)
    broken = {"content-type": "multipart/form-data; boundary=x"}
    error_of(httpx.post(post, content=b"--x\r\nnonsense", headers=broken), 422)
    error_of(httpx.post(post, content=b"x", headers={"content-type": "multipart/form-data"}), 422)


def test_too_long_sound_is_refused(url):
    file = io.BytesIO()
    soundfile.write(file, np.random.default_rng(0).normal(size=31 * 8000) * 0.1, 8_000, format="WAV")
    assert "minutes" in error_of(httpx.post(f"{url}/v1/predict", content=file.getvalue(), headers=AUDIO), 422)


def test_too_large_bodies_are_refused_whether_their_length_is_declared_or_not(url, address, service):
    large = b"x" * (LIMITS.max_bytes + 1)
    assert str(LIMITS.max_bytes) in error_of(httpx.post(f"{url}/v1/predict", content=large, headers=AUDIO), 413)
    parts = (large[i : i + 65_536] for i in range(0, len(large), 65_536))
    error_of(httpx.post(f"{url}/v1/predict", content=parts, headers=AUDIO), 413)
    head = b"POST /v1/predict HTTP/1.1\r\nhost: a\r\ncontent-type: audio/wav\r\ncontent-length: 99999999999\r\n\r\n"
    with socket.create_connection(address, 5.0) as one:
        one.sendall(head)
        assert one.recv(100).startswith(b"HTTP/1.1 413")
    assert service.requests == 0


def test_what_is_no_http_request_gets_json_too(address):
    with socket.create_connection(address, 5.0) as one:
        one.sendall(b"nonsense\r\n\r\n")
        answer = b"".join(iter(lambda: one.recv(1_000), b""))
    assert answer.startswith(b"HTTP/1.1 400") and "error" in json.loads(answer.partition(b"\r\n\r\n")[2])


def test_too_many_connections_get_json_too(predictor):
    service = Service(predictor, ServiceLimits(max_waiting=1, max_streams=0), warm_up_s=(1.0,))
    with running(service) as address, contextlib.ExitStack() as idle:
        for _ in range(service.limits.max_connections):
            idle.enter_context(socket.create_connection(address, 5.0))
        answer = httpx.get(f"http://{address[0]}:{address[1]}/health")
        assert answer.status_code == 503 and "connections" in answer.json()["error"]
        assert answer.headers["retry-after"] == "5" and answer.headers["connection"] == "close"


def test_slow_clients_are_sent_away(address):
    with socket.create_connection(address, 5.0) as head, socket.create_connection(address, 5.0) as body:
        head.sendall(b"GET /health HTT")
        body.sendall(PART)
        assert body.recv(100).startswith(b"HTTP/1.1 408")
        assert head.recv(100) == b""  # closed


def test_an_aborted_request_frees_its_place(address, service):
    for _ in range(3):
        with socket.create_connection(address, 5.0) as one:
            one.sendall(PART)
            wait_until(lambda: service.requests == 1)
        wait_until(lambda: service.requests == 0)


def test_a_full_queue_gets_429_and_a_stopping_service_503(predictor):
    service = Service(predictor, ServiceLimits(max_waiting=1), warm_up_s=(1.0,))
    with running(service) as address, socket.create_connection(address, 5.0) as one:
        url = f"http://{address[0]}:{address[1]}"
        one.sendall(PART)
        wait_until(lambda: service.requests == 1)
        response = httpx.post(f"{url}/v1/predict", content=sound(), headers=AUDIO)
        error_of(response, 429)
        assert response.headers["retry-after"] == "1" and httpx.get(f"{url}/ready").status_code == 200
        one.close()
        wait_until(lambda: service.requests == 0)
        assert httpx.post(f"{url}/v1/predict", content=sound(), headers=AUDIO).status_code == 200
        service.is_stopping = True
        error_of(httpx.get(f"{url}/ready"), 503)
        error_of(httpx.post(f"{url}/v1/predict", content=sound(), headers=AUDIO), 503)
        assert httpx.get(f"{url}/health").status_code == 200


def test_what_takes_too_long_gets_504_and_frees_its_place(predictor, monkeypatch):
    service = Service(predictor, ServiceLimits(answer_s=0.05), warm_up_s=(1.0,))
    with running(service) as (host, port):
        released = threading.Event()
        monkeypatch.setattr(service.clips, "_compute", lambda items: [released.wait(30.0)] * len(items))
        error_of(httpx.post(f"http://{host}:{port}/v1/predict", content=sound(), headers=AUDIO), 504)
        assert service.requests == 0
        released.set()


def test_with_a_token_answers_and_metrics_need_it(predictor):
    token = "correct-horse-battery"
    service = Service(predictor, LIMITS, token, warm_up_s=(1.0,))
    with running(service) as (host, port):
        url = f"http://{host}:{port}"
        for given in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {token}"}):
            for route in ("/v1/predict", "/v1/timeline"):
                response = httpx.post(url + route, content=sound(), headers={**AUDIO, **given})
                error_of(response, 401)
                assert response.headers["www-authenticate"] == "Bearer"
            error_of(httpx.get(f"{url}/metrics", headers=given), 401)
            error_of(httpx.get(f"{url}/v1/nothing", headers=given), 401)
        document = httpx.get(f"{url}/openapi.json").json()
        needed = {path for path, one in document["paths"].items() if next(iter(one.values()))["security"]}
        assert needed == {"/v1/predict", "/v1/timeline", "/metrics"}
        right = {"authorization": f"Bearer {token}"}
        assert httpx.post(f"{url}/v1/predict", content=sound(), headers={**AUDIO, **right}).status_code == 200
        assert httpx.get(f"{url}/metrics", headers=right).status_code == 200
        assert [httpx.get(f"{url}/{one}").status_code for one in ("health", "ready", "metadata")] == [200] * 3


def test_logs_and_metrics_name_neither_files_nor_what_clients_send(url, capfd):
    logs.set_up()
    httpx.post(f"{url}/v1/predict?secret-query=1", files={"secret-field": ("secret-name.wav", b"secret-sound")})
    httpx.post(f"{url}/v1/predict", files={"file": ("secret-name.wav", b"secret-sound")})
    httpx.get(f"{url}/secret-path", headers={"user-agent": "secret-agent", "x-request-id": "secret-id"})
    assert "secret" not in httpx.get(f"{url}/metrics").text
    lines, err = logged(capfd, "metrics")
    assert [(one["route"], one["status"]) for one in lines if one["event"] == "request"][:3] == [
        ("/v1/predict", 422),
        ("/v1/predict", 422),
        ("other", 404),
    ]
    assert (
        all({"time", "request", "ms", "audio_s"} <= set(one) for one in lines)
        and "secret" not in json.dumps(lines) + err
    )


def test_the_model_is_described_and_the_document_is_true(url, predictor):
    about = httpx.get(f"{url}/metadata").json()
    assert about["labels"] == list(predictor.labels) and about["licence"] and about["figures"]["n"] == 60
    document = httpx.get(f"{url}/openapi.json").json()
    assert set(document["paths"]) == {"/v1/predict", "/v1/timeline", "/health", "/ready", "/metadata", "/metrics"}
    formats = document["paths"]["/v1/timeline"]["post"]["parameters"][0]["schema"]["enum"]
    assert formats == list(TIMELINE_FORMATS)
    denied = document["paths"]["/v1/predict"]["post"]["responses"]["422"]["content"]["application/json"]["schema"]
    assert denied == {"$ref": "#/components/schemas/Failure"}


def test_an_unforeseen_error_is_one_line_without_its_text(url, service, monkeypatch, capfd):
    logs.set_up()
    monkeypatch.setattr(service, "about", lambda: 1 / 0)
    error_of(httpx.get(f"{url}/metadata"), 500)
    lines, err = logged(capfd, "metadata")
    failure = next(line for line in lines if line["event"] == "failure")
    assert failure["type"] == "ZeroDivisionError" and failure["where"] and "division by" not in json.dumps(lines) + err
