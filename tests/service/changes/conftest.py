"""A service that takes changes, over an index of its own, and who asks it."""

import io
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from service.http.key_ring import Key, Role, checksum
from service.settings import Settings
from tests.service.conftest import Service, ready

ADMIN, CALLER = "wk_admin", "wk_caller"
DEADLINE_S = 240.0  # for a process that starts beside others with the lowest priority


def write_keys(path: Path, *, admin: bool = True) -> Path:
    """A file of a caller's key, and an admin's."""
    keys = [Key("caller", Role.CALLER, checksum(CALLER))]
    if admin:
        keys.append(Key("ops", Role.ADMIN, checksum(ADMIN)))
    path.write_text("".join(key.line() for key in keys))
    path.chmod(0o600)
    return path


def copied(index_home: Path, folder: Path) -> Path:
    """An index of one's own."""
    shutil.copytree(index_home, folder / "index")
    return folder / "index"


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder that sockets may lie in."""
    with tempfile.TemporaryDirectory(prefix="w-", dir="/tmp") as name:
        yield Path(name)


@dataclass(frozen=True)
class Asking:
    """An admin of a service."""

    http: httpx.Client
    service: Service
    home: Path

    def done(self, answer: httpx.Response) -> dict[str, Any]:
        """The job of a change that was accepted, once it waits no more."""
        assert answer.status_code == 202, answer.text
        where = answer.headers["location"]
        assert where == f"/jobs/{answer.json()['job_id']}"
        deadline = time.monotonic() + DEADLINE_S
        while (job := self.http.get(where).raise_for_status().json())["state"] == "waiting":
            assert time.monotonic() < deadline, self.http.get("/jobs").json()
            time.sleep(0.1)
        found: dict[str, Any] = job
        return found

    def served(self, version: str) -> None:
        """Waits until an index version, or one after it, answers."""
        deadline = time.monotonic() + DEADLINE_S
        while self.http.get("/readyz").json()["index_version"] < version:
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def applied(self, answer: httpx.Response) -> dict[str, Any]:
        """The job of a change, once it is done and answers."""
        job = self.done(answer)
        assert job["state"] == "done", job
        self.served(job["index_version"])
        return job


@pytest.fixture(scope="module")
def home(index_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(index_home, tmp_path_factory.mktemp("changing"))


@pytest.fixture(scope="module")
def asking(home: Path, settings: Settings, start_for_module: Callable[[Settings], Service]) -> Iterator[Asking]:
    keys = write_keys(home.parent / "keys")
    changing = settings.model_copy(update={"index": home, "keys": keys, "follow_s": 0.2})
    service = ready(start_for_module(changing))
    with httpx.Client(base_url=service.url, timeout=60, headers={"Authorization": f"Bearer {ADMIN}"}) as http:
        yield Asking(http, service, home)


def drawn(colour: tuple[int, int, int]) -> bytes:
    """A picture's file."""
    stream = io.BytesIO()
    Image.new("RGB", (60, 50), colour).save(stream, format="PNG")
    return stream.getvalue()
