"""The files that an open version has mapped, and whether they still are what was opened.

A mapping shows what its file holds now. Where the file was cut off in place, a read beyond its new end kills the
process (SIGBUS) and raises nothing; so its size is looked at before anything is read. What happens between that look
and the read cannot be seen. A file that was removed or replaced by another does no harm: the mapping keeps the old one.
"""

import hashlib
import mmap
import os
import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from indexer.errors import CorruptIndex
from indexer.manifest import MANIFEST, FileStamp
from indexer.version import Version


class OpenFiles:
    """Some files of a version, held open, so that they are looked at whatever becomes of their names.

    Safe on any thread, but for `examine`, which one at a time may call.

    Args:
        names: as the manifest has them.

    Attributes:
        fault: why the version must not be read, in a sentence that names a file; None where nothing is against it.

    Raises:
        CorruptIndex: a file is missing, or the manifest does not have it.
    """

    def __init__(self, version: Version, names: Sequence[str]) -> None:
        self.fault: str | None = None
        with ExitStack() as stack:
            self._files = [_opened(version, name, stack) for name in names]
            self._by_name = dict(zip(names, self._files, strict=True))
            weakref.finalize(self, stack.pop_all().close)

    def expect_whole(self) -> None:
        """Looks at the size of each file: some microseconds in all.

        Raises:
            CorruptIndex: one is of another size than it was published with, or was and has not been examined since.
        """
        for each in self._files:
            if os.fstat(each.file.fileno()).st_size != each.stamp.size:
                self._note(each)
        if self.fault is not None:
            raise CorruptIndex(self.fault)

    def mapped(self, name: str) -> mmap.mmap:
        """The content of one of them, also once its name is gone. Raises ValueError where it is empty."""
        return mmap.mmap(self._by_name[name].file.fileno(), 0, access=mmap.ACCESS_READ)

    def examine(self) -> None:
        """Compares files that were written to since they were last known to be right with their checksums, and forgets
        a fault that was mended. Takes as long as reading these files.

        Raises:
            CorruptIndex: one holds something else than was published.
        """
        for each in self._files:
            told = os.fstat(each.file.fileno())
            if told.st_mtime_ns == each.written and told.st_size == each.stamp.size:
                continue
            each.file.seek(0)
            if told.st_size != each.stamp.size or _sha256(each.file) != each.stamp.sha256:
                self._note(each)
                break
            each.written = told.st_mtime_ns
        else:
            self.fault = None
        self.expect_whole()

    def _note(self, changed: "_Opened") -> None:
        changed.written = None
        self.fault = (
            f"{changed.path} was cut off or written to while it was open; restore it, or roll back to another version."
        )


@dataclass(slots=True)
class _Opened:
    """A file, what it was published as, and when that was last known to be its content (ns); None where it is not."""

    path: Path
    file: FileIO
    stamp: FileStamp
    written: int | None


def _opened(version: Version, name: str, stack: ExitStack) -> _Opened:
    path, stamp = version.folder / name, version.manifest.files.get(name)
    if stamp is None:
        raise CorruptIndex(f"{version.folder / MANIFEST} does not list {name}; build the index again.")
    try:
        file = stack.enter_context(path.open("rb", buffering=0))
    except OSError as error:
        raise CorruptIndex(f"{path} cannot be read ({error.strerror}); build the index again.") from error
    return _Opened(path, file, stamp, os.fstat(file.fileno()).st_mtime_ns)


def _sha256(file: FileIO) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()
