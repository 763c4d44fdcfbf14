"""Two real services behind the proxy of `deploy/compose`: one is killed, both swap their index, and nobody notices."""

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from indexer.build import build
from indexer.bundles.push import Push
from indexer.bundles.remote import Remote
from indexer.bundles.traffic import Traffic
from indexer.kb import KnowledgeBaseName
from indexer.update import app as update_app
from indexer.version import read_version
from service import examples
from wikiclip.checkpoint import checkpoint_folder

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose"
UNPACKED = ROOT / ".venv" / "nginx"  # where tools/get-proxy.sh puts Debian's package
CONTENT = json.dumps({"image": base64.b64encode(examples.picture()).decode(), "top_k": 3}).encode()
POST = {"content": CONTENT, "headers": {"content-type": "application/json"}}


def program() -> str | None:
    places = (shutil.which("nginx"), "/usr/sbin/nginx", UNPACKED / "usr" / "sbin" / "nginx")
    return next((str(place) for place in places if place is not None and Path(place).is_file()), None)


@pytest.fixture(scope="module")
def nginx() -> str:
    if (found := program()) is None:
        missing = "there is no nginx here; make setup gets one"
        if os.environ.get("CI") == "true":
            pytest.fail(f"Replicas cannot be tested: {missing}.", pytrace=False)
        pytest.skip(missing)
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def running(command: list[str], **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block, whatever happens in it."""
    process = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def index_version(port: int) -> str | None:
    """What a replica answers with; None where it is not ready."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5)
    except httpx.HTTPError:
        return None
    return str(answer.json()["index_version"]) if answer.status_code == 200 else None


@contextmanager
def proxied(nginx: str, folder: Path, ports: list[int]) -> Iterator[str]:
    """The proxy with its own configuration, but for addresses and where it may write."""
    port, text = free_port(), (COMPOSE / "nginx.conf").read_text()
    servers = re.findall(r"172\.31\.57\.\d+:8000", text)
    assert len(servers) == len(ports) == 2
    for server, replica in zip(servers, ports, strict=True):
        text = text.replace(server, f"127.0.0.1:{replica}")
    text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};").replace("/tmp/", f"{folder}/")
    text = text.replace("pid ", "user root;\npid ", 1) if os.geteuid() == 0 else text
    (folder / "nginx.conf").write_text(text)
    library = {"LD_LIBRARY_PATH": str(UNPACKED / "usr" / "lib" / f"{os.uname().machine}-linux-gnu")}
    command = [nginx, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    subprocess.run([*command, "-t", "-q"], check=True, env={**os.environ, **library})
    with running([*command, "-g", "daemon off; master_process off;"], **library):
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    records = [{"entity_id": f"Q{n}", "title": f"Thing {n}", "text": f"A thing numbered {n}."} for n in range(8)]
    (tmp_path / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    build(kb=KnowledgeBaseName.JSONL, records=tmp_path / "records.jsonl", model="tiny", out=tmp_path / "built")
    return tmp_path / "built"


def push(home: Path, remote: Path) -> str:
    version = read_version(home)
    Push(Remote(str(remote)), Traffic(), key=None).version(version, checkpoint_folder("tiny"), current=True)
    return version.id


class Load:
    """Callers who ask through the proxy until they are stopped."""

    def __init__(self, url: str, callers: int) -> None:
        self.answers: list[httpx.Response | httpx.HTTPError] = []
        self._stop = threading.Event()
        self._callers = [threading.Thread(target=self._call, args=(url,)) for _ in range(callers)]

    def __enter__(self) -> "Load":
        for caller in self._callers:
            caller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for caller in self._callers:
            caller.join()

    def some_more(self, count: int = 30) -> None:
        """Waits until so many more were answered."""
        goal = len(self.answers) + count
        wait_for(lambda: len(self.answers) >= goal)

    def _call(self, url: str) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            while not self._stop.is_set():
                try:
                    self.answers.append(client.post("/link", **POST))  # type: ignore[arg-type]
                except httpx.HTTPError as error:
                    self.answers.append(error)
                time.sleep(0.03)  # or a replica that starts beside would take minutes


@pytest.mark.slow
def test_one_is_killed_and_both_swap_and_every_request_is_answered(nginx: str, tmp_path: Path, home: Path) -> None:
    first, ports = push(home, tmp_path / "remote"), [free_port(), free_port()]

    def replica(number: int) -> list[str]:
        return [sys.executable, "-m", "service", "--port", str(ports[number])]

    environment = [
        {
            "WIKICLIP_HOME": str(tmp_path / f"var-{number}"),
            "WIKICLIP_PULL_FROM": str(tmp_path / "remote"),
            "WIKICLIP_PULL_S": "0.5",
            "WIKICLIP_FOLLOW_S": "0.5",
            "WIKICLIP_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE",
        }
        for number in range(2)
    ]
    with ExitStack() as stack:
        processes = [stack.enter_context(running(replica(number), **environment[number])) for number in range(2)]
        wait_for(lambda: [index_version(port) for port in ports] == [first, first])
        url = stack.enter_context(proxied(nginx, tmp_path, ports))
        with Load(url, callers=3) as load:
            load.some_more()
            processes[0].send_signal(signal.SIGKILL)
            load.some_more()
            assert index_version(ports[0]) is None
            processes[0] = stack.enter_context(running(replica(0), **environment[0]))
            wait_for(lambda: index_version(ports[0]) == first)

            (tmp_path / "changes.jsonl").write_text('{"entity_id": "new", "title": "New", "text": "A new thing."}\n')
            done = CliRunner().invoke(update_app, ["--out", str(home), "--records", str(tmp_path / "changes.jsonl")])
            assert done.exception is None, done.exception
            second = push(home, tmp_path / "remote")
            wait_for(lambda: [index_version(port) for port in ports] == [second, second])
            load.some_more()

            processes[1].send_signal(signal.SIGTERM)  # as a node that is drained
            assert processes[1].wait(60) in (0, -signal.SIGTERM)
            load.some_more()
        assert httpx.get(f"{url}/healthz").status_code == 200
        assert httpx.get(f"{url}/metrics").status_code == 404
    failed = [answer for answer in load.answers if not isinstance(answer, httpx.Response) or answer.status_code != 200]
    assert failed == []
    versions = [answer.json()["index_version"] for answer in load.answers if isinstance(answer, httpx.Response)]
    assert set(versions) == {first, second}
    assert len(versions) > 120


def test_the_proxy_says_what_the_service_says_when_neither_can_answer(nginx: str, tmp_path: Path) -> None:
    """And says so at once."""
    with proxied(nginx, tmp_path, [free_port(), free_port()]) as url:
        began = time.monotonic()
        assert httpx.post(f"{url}/link", **POST).status_code == 502  # type: ignore[arg-type]
        assert time.monotonic() - began < 30
