"""The file that linking offline writes: one JSON object a line, on the disk before the next batch begins.

A row is one annotation of one picture. Rows that hold an error are asked for again by the next run; a better one is
added behind, and the old one is taken out at the end, so that a crash at any moment loses nothing.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from indexer.coco.files import plain_id
from indexer.records.tag_filter import TagFilter
from service.offline.mentions import Mention
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import sync
from wikiclip.base.locks import Held, locked


class Rows:
    """An open file of rows, held by one process, to which whole rows are added.

    A run that was killed may leave the beginning of a row: it is cut off when the file is opened again.

    Args:
        index_version: stands in every row; rows of two versions in one file could not be told from one another.
        tags: the filter that rows are made with, which stands in every row, too; None for all entities.

    Attributes:
        added, failed: rows that were added for annotations without one, and how many of them hold an error.
        mended: rows that held an error before this run and hold none now.

    Raises:
        WikiClipError: the file is not one of these, another version or filter made it, or another process writes it.
    """

    def __init__(self, path: Path, *, index_version: str, tags: TagFilter | None = None) -> None:
        self._path = path
        self._index_version = index_version
        self._tags = None if tags is None else tags.told()
        self.added = self.failed = self.mended = 0
        self._done: dict[int, str | None] = {}  # what was asked, where the row says so and holds no error
        self._errors: dict[int, tuple[int, bytes]] = {}  # where such a row begins, and the row
        self._again: set[int] = set()  # of the errors, those that may still be claimed
        self._replaced: set[int] = set()  # where rows begin that a later one replaces
        path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opened:
            try:
                opened.enter_context(locked(path.with_name(f".{path.name}.lock"), wait=False))
            except Held as error:
                raise WikiClipError(f"Another process writes {path}: wait for it, or name another --out.") from error
            self._file = opened.enter_context(path.open("r+b" if path.exists() else "x+b"))
            end = self._read()
            self._file.truncate(end)
            self._file.seek(end)
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop_replaced()
        self._opened.close()

    def __len__(self) -> int:
        """How many annotations have a row, or were claimed for one."""
        return len(self._done)

    @property
    def errors(self) -> int:
        """How many annotations have a row that holds an error."""
        return len(self._errors)

    def expect_set(self, mentions: Iterable[Mention]) -> None:
        """Holds the rows that are there against a set, before one is added to them.

        A set may have grown, shrunk or moved since, and annotations that went wrong may have been mended. Rows from
        before they said what was asked are let through.

        Raises:
            WikiClipError: a row's picture or region is another one in the set, or the set knows none of the rows.
        """
        rows = {key: asked for key, asked in self._done.items() if asked is not None}
        if not rows:
            return
        known = False
        for mention in mentions:
            if (row_asked := rows.get(key_of(mention.annotation_id, mention.image_id, mention.repeat))) is None:
                continue
            known, asked = True, mention.asked()
            if asked is not None and asked != row_asked:
                raise WikiClipError(
                    f"{self._path} holds rows of another set: annotation {mention.annotation_id!r} of picture"
                    f" {mention.image_id!r} had another region or picture there. Name another --out."
                )
        if not known:
            raise WikiClipError(
                f"{self._path} holds rows of another set: this one has none of their annotations. Name another --out."
            )

    def holds(self, annotation_id: object, image_id: object) -> bool:
        """Whether there is a row of a mention that holds no error."""
        key = key_of(annotation_id, image_id, 0)
        return key in self._done and key not in self._errors

    def claim(self, annotation_id: object, image_id: object = None, repeat: int = 0) -> bool:
        """True for whoever asks first, and shall add the row; False where there is a row, or will be.

        A row that holds an error counts as none.
        """
        key = key_of(annotation_id, image_id, repeat)
        if key in self._again:
            self._again.remove(key)
            return True
        if key in self._done:
            return False
        self._done[key] = None
        return True

    def append(self, rows: Iterable[dict[str, Any]]) -> None:
        """Adds rows, each for an annotation that was claimed, and returns once they are on the disk.

        A row that holds the very error that is there already stays where it is.
        """
        start, lines = self._file.tell(), b""
        made_with: dict[str, Any] = {} if self._tags is None else {"tags": self._tags}
        made_with["index_version"] = self._index_version
        for row in rows:
            line = f"{json.dumps({**row, **made_with})}\n".encode("ascii")
            key, is_error = key_of_row(row), "error" in row
            before = self._errors.pop(key, None)
            if before is not None and before[1] == line:
                self._errors[key] = before
                continue
            if before is None:
                self.added, self.failed = self.added + 1, self.failed + is_error
            else:
                self._replaced.add(before[0])
                self.mended += not is_error
            if is_error:
                self._errors[key] = start + len(lines), line
            lines += line
        self._file.write(lines)
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
                key, version = key_of_row(row), row["index_version"]
            except (ValueError, TypeError, KeyError) as error:
                raise WikiClipError(
                    f"{self._path}, line {number}, is not a row of this command: name another --out."
                ) from error
            if version != self._index_version:
                raise WikiClipError(
                    f"{self._path} holds rows of the index version {version}, and {self._index_version} is current:"
                    " name another --out."
                )
            if (tags := row.get("tags")) != self._tags:
                raise WikiClipError(
                    f"{self._path} holds rows {_filtered(tags)}, and this run links {_filtered(self._tags)}:"
                    " name another --out, or the same tags."
                )
            if (before := self._errors.pop(key, None)) is not None:
                self._replaced.add(before[0])
            if "error" in row:
                self._errors[key] = end, line
            self._done[key] = None if "error" in row else row.get("asked")
            end += len(line)
        self._again = set(self._errors)
        return end

    def _drop_replaced(self) -> None:
        """Leaves one row an annotation, in one step: until then the old file is there whole."""
        if not self._replaced:
            return
        partial = self._path.with_name(self._path.name + ".partial")
        start = 0
        self._file.seek(0)
        with partial.open("wb") as kept:
            for line in self._file:
                if start not in self._replaced:
                    kept.write(line)
                start += len(line)
        sync(partial)
        partial.replace(self._path)
        sync(self._path.parent)


def _filtered(tags: object) -> str:
    return "without a filter of tags" if tags is None else f"with the filter {json.dumps(tags)[:200]}"


def key_of(annotation_id: object, image_id: object, repeat: int) -> int:
    """What an annotation of a picture is known by. It tells the text "1" from the number 1, but not 1 from 1.0.

    64 bits keep millions of annotations in memory; that any two of five million share them has a chance below one in a
    million.
    """
    key = json.dumps([plain_id(annotation_id), plain_id(image_id), repeat], sort_keys=True)
    return int.from_bytes(hashlib.blake2b(key.encode("ascii"), digest_size=8).digest(), "little")


def key_of_row(row: Mapping[str, Any]) -> int:
    """The key of the annotation that a row is of."""
    return key_of(row["annotation_id"], row.get("image_id"), row.get("repeat", 0))
