"""Sound that comes as it is spoken: segments close when the speech pauses, and wrong messages end the stream."""

import json

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.deploy.service.serving import running, wait_until
from voxjax.deploy.service.service import Service
from voxjax.deploy.service.settings import ServiceLimits, checked_origins
from voxjax.errors import UsageError

RATE_HZ = 16_000
START = {"rate": RATE_HZ, "format": "f32le"}


@pytest.fixture
def stream_url(address):
    return f"ws://{address[0]}:{address[1]}/v1/stream"


def test_segments_close_as_the_speech_pauses(stream_url, service, speech, predictor):
    with connect(stream_url) as client:
        client.send(json.dumps({"rate": RATE_HZ, "format": "pcm_s16le"}))
        start = json.loads(client.recv())
        assert start["type"] == "start" and start["labels"] == list(predictor.labels)
        assert start["latency_s"] == pytest.approx(0.98)
        pcm = np.round(speech * 32_767).astype("<i2")
        for i in range(0, round(6.4 * RATE_HZ), 1_600):  # the first stretch ends before 5.1 s, with a pause after it
            client.send(pcm[i : i + 1_600].tobytes())
        first = json.loads(client.recv(timeout=30))  # no more has been sent
        assert first["type"] == "segment" and first["start_s"] == pytest.approx(3.0, abs=0.2)
        assert sum(first["probabilities"].values()) == pytest.approx(1.0)
        assert first["confidence"] == first["probabilities"][first["emotion"]]
        client.send(pcm[round(6.4 * RATE_HZ) :].tobytes())
        client.send('{"type": "end"}')
        *found, end = [json.loads(message) for message in client]
    assert end == {"type": "end", "duration_s": 10.0}
    assert all(one["type"] == "segment" and one["end_s"] <= 10.0 for one in found)
    assert found[-1]["start_s"] > 6.9 and found[-1]["end_s"] > 8.0
    wait_until(lambda: service.streams == 0)


@pytest.mark.parametrize(
    ("messages", "part"),
    [
        (["no JSON"], "JSON"),
        ([b"\0\0"], "JSON"),
        (["[1]"], "message"),
        (['{"rate": 16000, "more": 1}'], "more"),
        (['{"rate": "16000"}'], "rate"),
        (['{"rate": 1}'], "rate"),
        (['{"rate": 16000, "format": "mp3"}'], "format"),
        (["[" * 100_000], "JSON"),
        ([json.dumps(START), b"\0\0\0"], "whole samples"),
        ([json.dumps(START), np.full(4, np.nan, "<f4").tobytes()], "finite"),
        ([json.dumps(START), np.full(4, 1e9, "<f4").tobytes()], "±8"),
        ([json.dumps(START), '{"type": "stop"}'], "end"),
        ([json.dumps(START), *[np.zeros(200_000, "<f4").tobytes()] * 4], "40 s"),
    ],
)
def test_wrong_messages_end_the_stream_with_one_line(stream_url, service, messages, part):
    wait_until(lambda: service.streams == 0)
    with connect(stream_url) as client:
        for message in messages:
            client.send(message)
        *_, last = [json.loads(message) for message in answers(client)]
    assert last["type"] == "error" and part in last["error"] and "\n" not in last["error"]
    assert client.close_code == 1008
    wait_until(lambda: service.streams == 0)


def answers(client):
    """What comes until the stream is closed."""
    while True:
        try:
            yield client.recv(timeout=20)
        except ConnectionClosed:
            return


def test_streams_are_limited_and_an_aborted_one_frees_its_place(stream_url, service, url):
    wait_until(lambda: service.streams == 0)
    with connect(stream_url) as client:
        client.send(json.dumps(START))
        client.recv()
        with pytest.raises(InvalidStatus) as denied, connect(stream_url):
            pass
        assert denied.value.response.status_code == 429 and denied.value.response.headers["retry-after"] == "1"
        assert "voxjax_streams_in_progress 1.0" in httpx.get(f"{url}/metrics").text
        client.socket.close()
    wait_until(lambda: service.streams == 0)


def test_a_silent_client_is_sent_away_and_a_stopping_service_ends_streams(predictor):
    service = Service(predictor, ServiceLimits(head_s=0.3), token="x" * 16, warm_up_s=(1.0,))
    with running(service) as (host, port):
        place, right = f"ws://{host}:{port}/v1/stream", {"Authorization": f"Bearer {'x' * 16}"}
        with pytest.raises(InvalidStatus) as denied, connect(place):
            pass
        assert denied.value.response.status_code == 401
        with connect(place, additional_headers=right) as client:
            assert "0.3 s" in json.loads(client.recv(timeout=10))["error"]
        with connect(place, additional_headers=right) as client:
            client.send(json.dumps(START))
            client.recv()
            service.is_stopping = True
            assert "stopping" in json.loads(client.recv(timeout=10))["error"]
            list(answers(client))
        assert client.close_code == 1012


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://{host}:{port}", True),
        ("https://Example.org", True),
        ("https://example.org.evil.com", False),
        ("http://{host}", False),
        ("null", False),
    ],
)
def test_streams_of_pages_of_other_origins_are_refused(address, stream_url, service, monkeypatch, origin, allowed):
    """As a browser opens them, which lets any page read a WebSocket."""
    monkeypatch.setattr(service, "origins", frozenset(checked_origins(["https://example.org"])))
    wait_until(lambda: service.streams == 0)
    shown = origin.format(host=address[0], port=address[1])
    if allowed:
        with connect(stream_url, origin=shown) as client:
            client.send(json.dumps(START))
            assert json.loads(client.recv(timeout=10))["type"] == "start"
    else:
        with pytest.raises(InvalidStatus) as denied, connect(stream_url, origin=shown):
            pass
        assert denied.value.response.status_code == 403 and b"--allow_origin" in denied.value.response.body
    wait_until(lambda: service.streams == 0)


@pytest.mark.parametrize("origin", ["example.org", "https://example.org/", "ftp://example.org", "*"])
def test_what_is_no_origin_is_refused(origin):
    with pytest.raises(UsageError, match=r"--allow_origin: expected an origin as https://example\.org"):
        checked_origins([origin])
