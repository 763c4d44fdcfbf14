"""Fetches files by their checksums into a folder, where each has its checksum for a name once it is whole.

A file that was cut off lies beside them with the suffix `.partial`, and is gone on with.
"""

import hashlib
import os
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path

from indexer.bundles.errors import Refused, RemoteFailed
from indexer.bundles.remote import FAILURES, Remote
from indexer.bundles.statement import object_name
from indexer.bundles.traffic import Traffic
from indexer.manifest import FileStamp
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import link, sha256, sync

READ = 2**20  # bytes of a partial file that are read at once
SPARE = 64 * 2**20  # bytes that stay free on the disk


class Fetching:
    """One pull's objects.

    Args:
        folder: where they come to lie; what is in it is checked before it is believed.
        near: files of this machine that should have a checksum, which are linked instead of fetched.

    Attributes:
        bytes: how many went over the line so far.
    """

    def __init__(self, remote: Remote, folder: Path, near: Mapping[str, Path], traffic: Traffic) -> None:
        self._remote = remote
        self._folder = folder
        self._near = near
        self._traffic = traffic
        self._lock = threading.Lock()
        self.bytes = 0

    def fetch(self, stamps: Mapping[str, FileStamp]) -> Mapping[str, Path]:
        """Fetches what is missing; returns where each file lies, by the names that they have in `stamps`.

        Raises:
            Refused: the remote holds another file than was promised.
            WikiClipError: the disk is too small, or the remote fails.
        """
        sizes: dict[str, int] = {}
        for name, stamp in stamps.items():
            if sizes.setdefault(stamp.sha256, stamp.size) != stamp.size:
                raise Refused(f"{self._remote.uri} promises {name} in two sizes; push it again.")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._traffic.expect(sum(sizes.values()))
        self._expect_room(sizes)
        self._traffic.all(lambda one: self._one(*one), sizes.items())
        return {name: self._folder / stamp.sha256 for name, stamp in stamps.items()}

    def _expect_room(self, sizes: Mapping[str, int]) -> None:
        missing = sum(size for digest, size in sizes.items() if digest not in self._near and not self._has(digest))
        partial = [self._folder / f"{digest}.partial" for digest in sizes]
        there = sum(path.stat().st_size for path in partial if path.exists())
        free = shutil.disk_usage(self._folder).free
        if missing - there + SPARE > free:
            raise WikiClipError(
                f"{self._folder} has room for {free / 1e9:.2f} GB, and {(missing - there) / 1e9:.2f} GB are to be"
                " fetched: make room (`python -m indexer.versions prune`), or name another --out."
            )

    def _has(self, digest: str) -> bool:
        return (self._folder / digest).exists()

    def _one(self, digest: str, size: int) -> None:
        target = self._folder / digest
        if not self._is_whole(target, digest, size) and not self._is_near(target, digest, size):
            self._get(target, digest, size)
            return
        self._traffic.watch(size)
        self._traffic.pause(0)

    def _is_near(self, target: Path, digest: str, size: int) -> bool:
        if (near := self._near.get(digest)) is None:
            return False
        try:
            link(near, target)
        except OSError:
            return False
        return self._is_whole(target, digest, size)

    def _is_whole(self, path: Path, digest: str, size: int) -> bool:
        try:
            if path.stat().st_size == size and sha256(path) == digest:
                return True
        except OSError:
            return False
        path.unlink()
        return False

    def _get(self, target: Path, digest: str, size: int) -> None:
        name = object_name(digest)
        kept = self._remote.size(name)
        if kept is None:
            raise Refused(f"{self._remote.uri} lacks {name}, which a manifest names; push the version again.")
        if kept != size:
            raise Refused(f"{name} of {self._remote.uri} has {kept} bytes, and {size} were promised; push --again.")
        partial = target.with_name(f"{digest}.partial")
        for goes_on in (partial.exists(), False):
            if self._stream(partial, name, size) == digest:
                sync(partial)
                partial.replace(target)
                sync(self._folder)
                return
            partial.unlink()
            self._traffic.watch(-size)
            if not goes_on:  # else what an earlier pull left may be at fault
                break
        raise Refused(f"{name} of {self._remote.uri} has another content than its name promises; push --again.")

    def _stream(self, partial: Path, name: str, size: int) -> str:
        """Appends what is missing; returns the checksum of the whole."""
        digest, have = hashlib.sha256(), 0
        with partial.open("a+b", buffering=0) as file:
            if os.fstat(file.fileno()).st_size > size:
                file.truncate(0)
            file.seek(0)
            while block := file.read(READ):
                digest.update(block)
                have += len(block)
            self._traffic.watch(have)
            try:
                for attempt in self._remote.retrying(lambda: os.fstat(file.fileno()).st_size):
                    with attempt:
                        for block in self._remote.blocks(name, have, size):
                            _write(file.fileno(), block)
                            digest.update(block)
                            have += len(block)
                            self._count(len(block))
                        if have < size:
                            raise OSError(f"it ended after {have:,} of {size:,} bytes")
            except FAILURES as error:
                raise self._failed(error, name) from error
        return digest.hexdigest()

    def _count(self, count: int) -> None:
        with self._lock:
            self.bytes += count
        self._traffic.moved(count)

    def _failed(self, error: Exception, name: str) -> WikiClipError:
        if isinstance(error, _DiskFailed):
            return WikiClipError(f"{self._folder} cannot be written ({error.strerror}); make room, and pull again.")
        failed: RemoteFailed = self._remote.failed(error, name)
        return failed


class _DiskFailed(PermissionError):
    """This machine's own disk, and not the remote: no further attempt would do."""


def _write(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError as error:
        raise _DiskFailed(error.errno, error.strerror) from error
