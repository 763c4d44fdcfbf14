"""What callers see when things go wrong around the service: as a process of its own."""

import base64
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import httpx
import pytest
from PIL import Image

from service import examples
from service.server import GRACE_S
from service.settings import Settings

pytestmark = pytest.mark.slow
SLACK_S = 30  # of a machine that does other things, too
CONTENT = json.dumps({"image": base64.b64encode(examples.picture()).decode()}).encode()
POST = {"content": CONTENT, "headers": {"content-type": "application/json"}}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    settings: Settings,
    port: int,
    *options: str,
    errors: IO[bytes] | int | None = None,
    started_by: tuple[str, ...] = ("-m", "service"),
    **environment: str,
) -> Iterator["subprocess.Popen[bytes]"]:
    """A service that links, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, *started_by, "--port", str(port), *options],
        env={**os.environ, "WIKICLIP_INDEX": str(settings.index), "WIKICLIP_THREADS": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=errors,
    )
    try:
        deadline = time.monotonic() + 300
        while not is_ready(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.wait()


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_a_killed_service_fails_only_who_asked_while_it_was_gone(settings: Settings) -> None:
    port, stop = free_port(), threading.Event()
    answers: list[tuple[float, float, str]] = []  # when it was sent, when it was answered, and how

    def ask() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            while not stop.is_set():
                sent = time.monotonic()
                try:
                    status = str(client.post("/link", **POST).status_code)
                except httpx.TransportError as error:
                    status = type(error).__name__
                answers.append((sent, time.monotonic(), status))
                if not status.isdecimal():
                    time.sleep(0.05)

    def wait_for_answers_since(start: float) -> None:
        while sum(sent > start and status == "200" for sent, _, status in answers) < 6:
            assert time.monotonic() < start + 300
            time.sleep(0.05)

    with running(settings, port) as first:
        callers = [threading.Thread(target=ask) for _ in range(3)]
        for caller in callers:
            caller.start()
        wait_for_answers_since(time.monotonic())
        killed = time.monotonic()
        first.send_signal(signal.SIGKILL)
        first.wait()
    with running(settings, port):
        back = time.monotonic()
        wait_for_answers_since(back)
        stop.set()
        for caller in callers:
            caller.join()
    assert {status for _, answered, status in answers if answered < killed} == {"200"}
    assert {status for sent, _, status in answers if sent > back} == {"200"}
    assert {status for *_, status in answers} - {"200", "503"} <= {"ConnectError", "ReadError", "RemoteProtocolError"}


def test_what_was_accepted_is_answered_when_it_is_told_to_stop(settings: Settings) -> None:
    port = free_port()
    many = json.dumps({"image": json.loads(CONTENT)["image"], "regions": [None] * 20}).encode()
    with running(settings, port) as process:
        answers: list[int] = []
        url = f"http://127.0.0.1:{port}/link"
        callers = [
            threading.Thread(
                target=lambda: answers.append(httpx.post(url, timeout=60, **{**POST, "content": many}).status_code)
            )
            for _ in range(3)
        ]
        for caller in callers:
            caller.start()
        deadline = time.monotonic() + 300
        while f"wikiclip_body_bytes {3 * len(many)}.0" not in httpx.get(f"http://127.0.0.1:{port}/metrics").text:
            assert time.monotonic() < deadline, "the three were never accepted together"
        process.send_signal(signal.SIGTERM)
        for caller in callers:
            caller.join()
        process.wait(30)
    assert answers == [200, 200, 200]


ENDLESS = """
import time
from service.engine import reading
reading.read_picture = lambda *_, **__: time.sleep(300)
from service.__main__ import app
app()
"""


def test_a_decoder_that_never_ends_keeps_nobody_from_stopping_it(settings: Settings) -> None:
    port = free_port()
    with running(settings, port, started_by=("-c", ENDLESS)) as process:

        def ask() -> None:
            with suppress(httpx.HTTPError):
                httpx.post(f"http://127.0.0.1:{port}/link", timeout=60, **POST)

        caller = threading.Thread(target=ask)
        caller.start()
        deadline = time.monotonic() + 300
        while f"wikiclip_body_bytes {len(CONTENT)}.0" not in httpx.get(f"http://127.0.0.1:{port}/metrics").text:
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGTERM)
        process.wait(GRACE_S + 2 + SLACK_S)
        caller.join()


def test_a_full_disk_costs_the_log_and_nothing_else(settings: Settings) -> None:
    port = free_port()
    with Path("/dev/full").open("wb") as full, running(settings, port, "--log-level", "info", errors=full):
        for _ in range(5):
            assert httpx.post(f"http://127.0.0.1:{port}/link", timeout=120, **POST).status_code == 200
        assert httpx.post(f"http://127.0.0.1:{port}/link", content=b"{").status_code == 415


def test_malformed_requests_cannot_fill_the_log(settings: Settings, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    picture = Image.new("RGB", (9, 9))
    file = io.BytesIO()
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0e\x01\x02\0\xff\xff\0\0\xf0\0\0\0\0\0\0\0"
    picture.save(file, "JPEG", exif=exif)
    with log.open("wb") as errors, running(settings, port, errors=errors):
        for request in (
            b"no http\r\n\r\n",
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n",
            b"POST /link HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\nbroken\r\n",
        ):
            with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
                connection.sendall(request)
                while connection.recv(65536):
                    pass
        url = f"http://127.0.0.1:{port}/link"
        httpx.post(url, content=b"--x", headers={"content-type": "multipart/form-data"})
        assert httpx.post(url, files={"image": file.getvalue()}, timeout=120).status_code == 200
    assert log.read_text() == "Loading model and index ...\n"


def test_log_lines_are_json_and_carry_the_answer_s_id(settings: Settings, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    with (
        log.open("wb") as errors,
        running(settings, port, "--log-level", "info", errors=errors, WIKICLIP_LOG_FORMAT="json"),
    ):
        answer = httpx.post(f"http://127.0.0.1:{port}/link", timeout=120, **POST)
        httpx.get(f"http://127.0.0.1:{port}/nowhere", headers={"x-request-id": "mine"})
        deadline = time.monotonic() + 300
        while '"mine"' not in log.read_text():  # its line comes once it is answered, and is the last
            assert time.monotonic() < deadline
            time.sleep(0.05)
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    requests = {line["request_id"]: line for line in lines if line.get("event") == "request"}
    own = requests[answer.headers["x-request-id"]]
    assert (own["route"], own["status"], own["method"], own["level"]) == ("/link", 200, "POST", "info")
    assert own["ms"] > 0
    assert (requests["mine"]["route"], requests["mine"]["status"]) == ("none", 404)
    assert not any(line.get("route") == "/readyz" and line["status"] == 200 for line in lines)


def test_a_service_for_others_asks_for_keys(settings: Settings) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "service", "--port", "0", "--host", "0.0.0.0"],
        env={**os.environ, "WIKICLIP_INDEX": str(settings.index)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "WIKICLIP_KEYS" in ended.stderr
    assert "WIKICLIP_ALLOW_ANYONE" in ended.stderr
