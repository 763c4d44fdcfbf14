"""The file that linking offline writes: one JSON object a line, on the disk before the next batch begins."""

import json
import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from wikiclip.base.errors import WikiClipError
from wikiclip.base.locks import Held, locked


class Rows:
    """An open file of rows, held by one process, to which whole rows are added.

    A run that was killed may leave the beginning of a row: it is cut off when the file is opened again.

    Args:
        index_version: stands in every row; rows of two versions in one file could not be told from one another.

    Raises:
        WikiClipError: the file is not one of these, another version made it, or another process writes it.
    """

    def __init__(self, path: Path, *, index_version: str) -> None:
        self._path = path
        self._index_version = index_version
        self._done: set[str] = set()
        path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opened:
            try:
                opened.enter_context(locked(path, wait=False))
            except Held as error:
                raise WikiClipError(f"Another process writes {path}: wait for it, or name another --out.") from error
            self._file = opened.enter_context(path.open("r+b"))
            end = self._read()
            self._file.truncate(end)
            self._file.seek(end)
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def __len__(self) -> int:
        """How many annotations have a row, or were claimed for one."""
        return len(self._done)

    def claim(self, annotation_id: object) -> bool:
        """True for whoever asks first, and shall add the row; False where there is a row, or will be."""
        key = _key(annotation_id)
        if key in self._done:
            return False
        self._done.add(key)
        return True

    def append(self, rows: Iterable[dict[str, Any]]) -> None:
        """Adds rows, each with the `annotation_id` that was claimed, and returns once they are on the disk."""
        lines = [json.dumps({**row, "index_version": self._index_version}) + "\n" for row in rows]
        self._file.write("".join(lines).encode("ascii"))
        self._file.flush()
        os.fsync(self._file.fileno())

    def _read(self) -> int:
        """Learns which annotations are done; returns where the last whole row ends."""
        end = 0
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n"):
                break
            try:
                row = json.loads(line)
                key, version = _key(row["annotation_id"]), row["index_version"]
            except (ValueError, TypeError, KeyError) as error:
                raise WikiClipError(
                    f"{self._path}, line {number}, is not a row of this command: name another --out."
                ) from error
            if version != self._index_version:
                raise WikiClipError(
                    f"{self._path} holds rows of the index version {version}, and {self._index_version} is current:"
                    " name another --out."
                )
            self._done.add(key)
            end += len(line)
        return end


def _key(annotation_id: object) -> str:
    """Tells the text "1" from the number 1."""
    return json.dumps(annotation_id, sort_keys=True)
