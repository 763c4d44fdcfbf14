"""Changes that are drawn and sent, with what each record may be afterwards."""

import io
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
from PIL import Image

from benchmarks.changes.running import HEADERS

PREFIX = "changed-"
TIMEOUT_S = 60.0
LINES = 5  # records of a change that has several


@dataclass(frozen=True)
class Record:
    """What a record should be: its title, and the file of its picture."""

    title: str
    picture: bytes | None = None


@dataclass
class Book:
    """What was sent.

    Attributes:
        may_be: what each id may be, in the end: one thing, unless a request was not answered.
        jobs: those that were answered for.
        unanswered: requests without an answer.
        refused: what was answered otherwise.
    """

    may_be: dict[str, list[Record | None]] = field(default_factory=dict)
    jobs: list[str] = field(default_factory=list)
    unanswered: int = 0
    refused: list[str] = field(default_factory=list)


class Sender:
    """Draws and sends changes, one after the other.

    Args:
        seed: another one has other changes.
    """

    def __init__(self, book: Book, seed: int) -> None:
        self.book, self._draw = book, random.Random(seed)
        self._number = 0

    def send(self, http: httpx.Client) -> bool:
        """Sends one change; returns whether it was answered for."""
        # What was not answered for is left alone: whether it is there nobody knows.
        living = [each for each, may_be in sorted(self.book.may_be.items()) if len(may_be) == 1 and may_be[0]]
        kind = self._draw.choices(("put", "picture", "replace", "delete", "lines"), (4, 3, 2, 2, 1))[0]
        if kind == "lines":
            after = {self._new(): Record(self._title()) for _ in range(LINES)}
            lines = "".join(
                json.dumps({"entity_id": each, "title": record.title, "text": ""}) + "\n"
                for each, record in after.items()
            )
            head = {"content-type": "application/x-ndjson"}
            return self._sent(after, lambda: http.post("/entities", content=lines, headers=head))
        if kind == "delete" and living:
            entity_id = self._draw.choice(living)
            return self._sent({entity_id: None}, lambda: http.delete(f"/entities/{entity_id}"))
        entity_id = self._draw.choice(living) if kind == "replace" and living else self._new()
        record = Record(self._title(), self._picture() if kind == "picture" else None)
        if kind == "replace":  # by a record without a word of pictures, which keeps them
            if (before := self.book.may_be.get(entity_id, [None])[0]) is not None:
                record = Record(record.title, before.picture)
            return self._sent({entity_id: record}, lambda: http.put(f"/entities/{entity_id}", json=_fields(record)))
        files: dict[str, Any] = {"record": (None, json.dumps(_fields(record)), "application/json")}
        if record.picture is not None:
            files["image"] = ("p.png", record.picture)
        return self._sent({entity_id: record}, lambda: http.put(f"/entities/{entity_id}", files=files))

    def _sent(self, after: Mapping[str, Record | None], ask: Callable[[], httpx.Response]) -> bool:
        before = {each: self.book.may_be.get(each, [None]) for each in after}
        try:
            answer = ask()
        except httpx.HTTPError:
            self.book.unanswered += 1
            for each, record in after.items():
                self.book.may_be[each] = [*before[each], record]
            return False
        if answer.status_code != 202:
            self.book.refused.append(f"{answer.status_code}: {answer.text[:200]}")
            return False
        self.book.jobs.append(answer.json()["job_id"])
        for each, record in after.items():
            self.book.may_be[each] = [record]
        return True

    def _new(self) -> str:
        self._number += 1
        return f"{PREFIX}{self._number:06d}"

    def _title(self) -> str:
        return f"Thing {self._draw.randrange(10**9)}"

    def _picture(self) -> bytes:
        noise = np.random.default_rng(self._draw.randrange(10**9))
        pixels_HWC = (noise.integers(0, 256, 3) + noise.integers(-40, 40, (120, 160, 3))).clip(0, 255)
        stream = io.BytesIO()
        Image.fromarray(pixels_HWC.astype(np.uint8)).save(stream, format="PNG")
        return stream.getvalue()


def _fields(record: Record) -> dict[str, str]:
    return {"title": record.title, "text": f"What {record.title} is."}


def asking(url: str) -> httpx.Client:
    """A client with the admin's key."""
    return httpx.Client(base_url=url, headers=HEADERS, timeout=TIMEOUT_S)


def wait_until_done(url: str, jobs: list[str], *, seconds: float) -> list[dict[str, object]]:
    """What became of all jobs, once none waits and the last version answers.

    Raises:
        TimeoutError: they were not done in that time.
    """
    deadline = time.monotonic() + seconds
    with asking(url) as http:
        while http.get("/jobs", params={"limit": 1}).raise_for_status().json()["waiting"]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"changes still waited after {seconds:g} s")
            time.sleep(0.5)
        found = [http.get(f"/jobs/{job}").raise_for_status().json() for job in jobs]
        last = max((str(job["index_version"] or "") for job in found), default="")
        while http.get("/readyz").raise_for_status().json()["index_version"] < last:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the last version did not answer after {seconds:g} s")
            time.sleep(0.2)
    return found
