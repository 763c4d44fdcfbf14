"""Labels that callers give: pictures and a file of JSON lines, as `training.train --data jsonl` takes them."""

import hashlib
import json
import os
import threading
import time
from math import inf
from pathlib import Path

from service.changes.pictures import store
from wikiclip.base.files import sync
from wikiclip.base.locks import locked

LABELS, LOCK, PICTURES = "labels.jsonl", "LOCK", "pictures"
COUNTED_S = 30.0  # for which what the folder holds is remembered


class TooMuch(Exception):
    """The folder holds as much as it may."""


class FeedbackFolder:
    """A folder of labels. Safe on any thread, and in several processes.

    Args:
        folder: holds `labels.jsonl`, and below `pictures` what it names.
        most: bytes of all that is in it. Each process counts what is there every half a minute, and between that what
            it writes itself: several may pass it by what the others write meanwhile.
    """

    def __init__(self, folder: Path, *, most: int) -> None:
        self._folder, self._most = folder, most
        self._lock = threading.Lock()
        self._counted, self._counted_at = 0, float("-inf")

    def keep(self, picture: bytes, *, entity_id: str, region: object, answered: str | None, until: float = inf) -> int:
        """Keeps a label, and returns the size of the file of labels once it is on the disk.

        Args:
            picture: a file that was looked at.
            entity_id: what the region shows.
            region: as a request has it; None for the whole picture.
            answered: the id that the service had said.
            until: when to give up waiting for another process that keeps one, by `time.monotonic`.

        Raises:
            TooMuch: there is no room for it.
            Held: another process keeps one for longer.
            OSError: it cannot be written.
        """
        told = {"entity_id": entity_id, "region": region, "answered": answered}
        label = {name: value for name, value in told.items() if value is not None}
        line = json.dumps(label, ensure_ascii=False)
        self._folder.mkdir(parents=True, exist_ok=True)
        known = self._holds(picture)
        self._expect_room(len(line.encode()) + 128 + (0 if known else len(picture)))
        name = store(picture, self._folder / PICTURES)
        line = json.dumps({"picture": f"{PICTURES}/{name}", **label}, ensure_ascii=False)
        path = self._folder / LABELS
        with locked(self._folder / LOCK, until=until), path.open("a+b") as file:
            content = line.encode() + b"\n"
            if file.tell() and not _ends_a_line(file.fileno(), file.tell()):  # of a process that was killed
                content = b"\n" + content
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        sync(self._folder)
        return size

    def _holds(self, picture: bytes) -> bool:
        """Whether the picture is kept already, and takes no room any more."""
        digest = hashlib.sha256(picture).hexdigest()
        return any((self._folder / PICTURES / digest[:2]).glob(f"{digest}.*"))

    def _expect_room(self, more: int) -> None:
        with self._lock:
            if time.monotonic() - self._counted_at > COUNTED_S:
                self._counted, self._counted_at = _size(self._folder), time.monotonic()
            if self._counted + more > self._most:
                raise TooMuch
            self._counted += more


def _ends_a_line(descriptor: int, size: int) -> bool:
    return os.pread(descriptor, 1, size - 1) == b"\n"


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
