"""The command line, as a process of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from service.__main__ import _url
from service.settings import Settings, unknown_settings

COMMAND = [sys.executable, "-m", "service", "--port", "0"]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8"),
        ("0.0.0.0", "http://127.0.0.1:8"),
        ("::1", "http://[::1]:8"),
        ("::", "http://[::1]:8"),
    ],
)
def test_the_url_can_be_opened_on_this_machine(host: str, url: str) -> None:
    assert _url(host, 8) == url


def test_variables_that_are_no_settings_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("WIKICLIP_")]:
        monkeypatch.delenv(name)
    assert unknown_settings() == []
    for name, value in {
        "WIKICLIP_INDEX": "x",
        "wikiclip_sure": "0.3",
        "WIKICLIP_HOME": "x",
        "WIKICLIP_PORT": "tcp://10.0.0.1:8000",
        "WIKICLIP_PORT_8000_TCP": "tcp://10.0.0.1:8000",
        "WIKICLIP_SERVICE_HOST": "10.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    assert unknown_settings() == []
    monkeypatch.setenv("WIKICLIP_PORT", "8740")
    monkeypatch.setenv("WIKICLIP_INDEXX", "x")
    assert unknown_settings() == [
        "WIKICLIP_INDEXX is no setting, and does nothing: WIKICLIP_INDEX is one.",
        "WIKICLIP_PORT is no setting, and does nothing: `python -m service --port` is the way.",
    ]


def seconds(client: httpx.Client) -> float:
    start = time.perf_counter()
    client.get("/healthz")
    return time.perf_counter() - start


@pytest.mark.slow
def test_it_says_where_it_answers_and_stops_when_told(settings: Settings) -> None:
    environment = {**os.environ, "WIKICLIP_INDEX": str(settings.index), "WIKICLIP_THREADS": "1"}
    with subprocess.Popen(COMMAND, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found is not None, line
        with httpx.Client(base_url=found[0]) as client:
            assert client.get("/readyz").status_code == 200
            # With Nagle's algorithm each answer on a kept connection waits 40 ms for an acknowledgement.
            assert min([seconds(client) for _ in range(40)][20:]) < 0.03
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) in (0, -signal.SIGTERM)


@pytest.mark.slow
def test_a_port_that_is_taken_is_one_line_that_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run([*COMMAND[:-1], port], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"Error: 127.0.0.1:{port} cannot be listened on: Address already in use. Choose another")


@pytest.mark.slow
def test_a_missing_index_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    environment = {**os.environ, "WIKICLIP_INDEX": str(tmp_path / "none")}
    ended = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    said = [line for line in ended.stderr.splitlines() if "Loading" not in line]
    assert len(said) == 1
    assert "make demo-index" in said[0]
