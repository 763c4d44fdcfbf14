"""Removes pictures that came with changes once nothing names them: no version that is kept, no change that waits.

A picture's file has the checksum of its content for a name, so that its name alone, in whatever folder, keeps it.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from indexer.compared import checksum
from indexer.errors import CorruptIndex
from indexer.manifest import ShardStamp
from indexer.records.table import TABLE, from_batch, read_batches
from indexer.updating.sent import CHANGES, PICTURES, WAITING, pictures_of, receiving
from indexer.version import DELETED, Version, read_version, unpublished_ids, version_ids, was_pulled
from wikiclip.base.regular_files import open_regular

NAME = re.compile(rb"\b[0-9a-f]{64}\.[a-z]+")
AT_ONCE = 1_000  # pictures that are removed while nobody may send some


@dataclass(frozen=True)
class Removed:
    """How many pictures were removed, and their bytes."""

    pictures: int = 0
    bytes: int = 0


def remove_unnamed(home: Path) -> Removed:
    """Removes them. Whoever calls holds the folder of the versions. Killed at any moment, it has removed some of them.

    What lies in the folder of an index that is pulled stays: there it is somebody else's.

    Raises:
        CorruptIndex: a version cannot be read, so that nobody knows what it names; nothing is removed.
        OSError: the folder cannot be read or written.
    """
    folder = pictures_of(home)
    if not folder.is_dir() or was_pulled(read_version(home).folder):
        return Removed()
    # Whatever comes from here on is named by a change that waits, or being received.
    there = sorted(_files(folder))
    named = _Named(folder)
    for name in (*version_ids(home), *unpublished_ids(home)):
        named.add(read_version(home, name))
    doomed = [path for path in there if path.name not in named.names]
    pictures = bytes_ = 0
    for start in range(0, len(doomed), AT_ONCE):
        with receiving(home):
            waiting = _named_by_waiting(home)
            for path in doomed[start : start + AT_ONCE]:
                if path.name in waiting:
                    continue
                try:
                    size = path.stat().st_size
                except FileNotFoundError:  # it was a picture that came in, and has its name by now
                    continue
                path.unlink()
                if not path.name.startswith("."):  # as a file does that somebody was killed over
                    pictures, bytes_ = pictures + 1, bytes_ + size
    return Removed(pictures, bytes_)


def _files(folder: Path) -> Iterator[Path]:
    """All files that may be pictures, and what is left of some that were not received to the end."""
    for below in folder.glob("[0-9a-f][0-9a-f]"):
        with os.scandir(below) as entries:
            for entry in entries:
                is_ours = NAME.fullmatch(entry.name.encode("utf-8", "surrogateescape")) is not None
                if (is_ours or entry.name.endswith(".partial")) and entry.is_file(follow_symlinks=False):
                    yield Path(entry.path)


@dataclass
class _Named:
    """The names of files that versions name, whose tables are read once, however many versions share them."""

    folder: Path
    names: set[str] = field(default_factory=set)
    _of_table: dict[str, dict[int, tuple[str, ...]]] = field(default_factory=dict)

    def add(self, version: Version) -> None:
        """Adds those of the living entities of a version. Raises CorruptIndex."""
        _expect_as_written(version, DELETED)
        deleted, first = version.deleted(), 0
        for stamp in version.manifest.shards:
            if self._is_theirs(stamp):
                mine = deleted[(deleted >= first) & (deleted < first + stamp.entities)].astype(np.int64) - first
                gone = {*mine.tolist()}
                for number, names in self._table(version, stamp).items():
                    if number not in gone:
                        self.names.update(names)
            first += stamp.entities

    def _is_theirs(self, stamp: ShardStamp) -> bool:
        """Whether a shard's pictures are named from the folder, or were before the versions' was moved."""
        if stamp.image_root is None:
            return False
        root = Path(stamp.image_root)
        if root.parts[-2:] == (CHANGES, PICTURES):
            return True
        try:
            root, folder = root.resolve(), self.folder.resolve()
        except (OSError, RuntimeError):
            return False
        return root.is_relative_to(folder) or folder.is_relative_to(root)

    def _table(self, version: Version, stamp: ShardStamp) -> dict[int, tuple[str, ...]]:
        """The names of files by the entity's number in its shard."""
        name = f"{stamp.folder}/{TABLE}"
        written = version.manifest.files[name].sha256
        if written not in self._of_table:
            _expect_as_written(version, name)
            found: dict[int, tuple[str, ...]] = defaultdict(tuple)
            number = 0
            for batch in read_batches(version.folder / name):
                for entity in from_batch(batch):
                    if entity.images:
                        found[number] = tuple(PurePosixPath(each.replace("\\", "/")).name for each in entity.images)
                    number += 1
            self._of_table[written] = found
        return self._of_table[written]


def _expect_as_written(version: Version, name: str) -> None:
    path, stamp = version.folder / name, version.manifest.files.get(name)
    try:
        is_whole = stamp is not None and checksum(path) == stamp.sha256
    except OSError as error:
        raise CorruptIndex(f"{path} cannot be read ({error.strerror}); build the index again.") from error
    if not is_whole:
        raise CorruptIndex(f"{path} has another content than was written; build the index again.")


def _named_by_waiting(home: Path) -> set[str]:
    """What changes that wait may name: whatever in them looks like a picture's name, in a copy of one, too."""
    found: set[str] = set()
    folder = home / CHANGES / WAITING
    for path in folder.iterdir() if folder.is_dir() else ():
        if not path.is_file():  # but a folder or a pipe that was put there, or what came in and has its name by now
            continue
        with suppress(FileNotFoundError), open_regular(path) as file:
            for line in file:
                found.update(name.decode("ascii") for name in NAME.findall(line))
    return found
