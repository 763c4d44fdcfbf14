"""A remote: a folder, or a store that fsspec knows, asked again with growing pauses where it fails.

A folder, `s3://` and `gs://` need nothing but what the project has: pyarrow's own clients speak to the stores, with the
credentials that the environment gives them. Other stores need the package that fsspec names.
"""

import os
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import fsspec
import pyarrow as pa
from fsspec.implementations.arrow import ArrowFSWrapper
from fsspec.implementations.local import LocalFileSystem
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential, wait_random

from indexer.bundles.errors import NotThere, RemoteFailed
from wikiclip.base.errors import WikiClipError, first_line
from wikiclip.base.files import sync

T = TypeVar("T")
BLOCK = 4 * 2**20  # bytes that are read at once
ATTEMPTS = 6
UPLOADING = "uploading"  # where a folder's files are before they have their names
LEFT_S = 24 * 3600.0  # after which such a file is nobody's
# What fsspec's file systems raise where a store fails; what a library of a store raises beside is passed on as it is.
FAILURES = (OSError, pa.ArrowException)
FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


class Remote:
    """Where bundles are kept, by names with slashes. Safe on any thread.

    Args:
        uri: a folder, or `file:///`, `s3://` or `gs://` and a path.
        pause_s: the first pause after a failure; the next ones are longer.
        sleep: pauses; may raise, which ends the attempts.

    Attributes:
        uri: as given, a folder with its whole path.

    Raises:
        WikiClipError: it is none, or of a store whose package is missing.
    """

    def __init__(self, uri: str, *, pause_s: float = 0.5, sleep: Callable[[float], None] = time.sleep) -> None:
        self._pause_s = pause_s
        self._sleep = sleep
        self._fs, self._root = _open(uri)
        self.uri = uri.rstrip("/") if "://" in uri else self._root

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none of the name.

        Raises:
            RemoteFailed: the remote cannot be asked.
        """

        def ask() -> int | None:
            try:
                info = self._fs.info(self._path(name))
            except FileNotFoundError:
                return None
            # A pipe or a device of a folder would never end.
            return int(info["size"]) if info["type"] == "file" else None

        return self._again(ask, name)

    def read(self, name: str, *, most: int) -> bytes:
        """A small file.

        Raises:
            NotThere: there is none of the name, or it has more than `most` bytes.
            RemoteFailed: the remote cannot be asked.
        """
        if self.size(name) is None:
            raise NotThere(f"{self.uri} holds no {name}; `python -m indexer.versions push` puts it there.")
        content = self._again(lambda: b"".join(self.blocks(name, 0, most + 1)), name)
        if len(content) > most:
            raise NotThere(f"{name} of {self.uri} has more than the {most:,} bytes that are read; push it again.")
        return content

    def blocks(self, name: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes of a file from `start` to `end`, no more whatever the file holds. Raises what its store raises."""
        with self._fs.open(self._path(name), "rb") as file:
            file.seek(start)
            while start < end and (block := file.read(min(BLOCK, end - start))):
                start += len(block)
                yield block

    def retrying(self, progress: Callable[[], int] = lambda: 0) -> Retrying:
        """Attempts, until some in a row failed without progress."""
        reached, since = progress(), 0

        def spent(state: RetryCallState) -> bool:
            nonlocal reached, since
            if (now := progress()) != reached:
                reached, since = now, state.attempt_number - 1
            return state.attempt_number - since >= ATTEMPTS

        return Retrying(
            stop=spent,
            wait=wait_exponential(multiplier=self._pause_s, max=20) + wait_random(0, self._pause_s),
            retry=retry_if_exception(_may_pass),
            sleep=self._sleep,
            reraise=True,
        )

    def put(self, name: str, content: bytes) -> None:
        """Writes a small file in one step. Raises RemoteFailed."""
        self._put(name, lambda: iter([content]), len(content))

    def put_file(self, name: str, path: Path, watch: Callable[[int], None]) -> None:
        """Writes a file in one step; `watch` is told of each block's bytes.

        Raises:
            RemoteFailed: the remote cannot be written, or keeps another size than was sent.
        """

        def blocks() -> Iterator[bytes]:
            with path.open("rb") as file:
                while block := file.read(BLOCK):
                    yield block
                    watch(len(block))

        self._put(name, blocks, path.stat().st_size)

    def clear(self) -> None:
        """Removes what uploads into a folder left behind that were killed."""
        if not isinstance(self._fs, LocalFileSystem):
            return  # a store shows no file before it is whole
        for path in Path(self._path(UPLOADING)).glob("*"):
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - LEFT_S:
                    path.unlink()

    def failed(self, error: BaseException, name: str) -> RemoteFailed:
        """The sentence about a failure."""
        return RemoteFailed(f"{name} of {self.uri} could not be had ({first_line(error)}); the same again goes on.")

    def _put(self, name: str, blocks: Callable[[], Iterator[bytes]], size: int) -> None:
        def send() -> None:
            if isinstance(self._fs, LocalFileSystem):
                self._put_local(name, blocks())
            else:
                # A store shows the file once all of it is there.
                with self._fs.open(self._path(name), "wb") as file:
                    for block in blocks():
                        file.write(block)

        self._again(send, name)
        if (kept := self.size(name)) != size:
            raise RemoteFailed(f"{self.uri} keeps {kept} bytes of {name}, of which {size} were sent; push again.")

    def _put_local(self, name: str, blocks: Iterator[bytes]) -> None:
        target, partial = Path(self._path(name)), Path(self._path(f"{UPLOADING}/{uuid.uuid4().hex}"))
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            for block in blocks:
                file.write(block)
        sync(partial)
        partial.replace(target)
        sync(target.parent)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _again(self, work: Callable[[], T], name: str) -> T:
        try:
            return self.retrying()(work)
        except FAILURES as error:
            raise self.failed(error, name) from error


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, FAILURES) and not isinstance(error, FINAL)


def _open(uri: str) -> tuple[Any, str]:
    """The file system, and the path of the remote's root on it."""
    scheme, found, rest = uri.partition("://")
    if not found:
        if meant := re.match(r"(s3|gs|gcs|file|https?):?/", uri):
            raise WikiClipError(f"Is {uri} an address? Then write {meant[1]}://...; a folder of that name is ./{uri}.")
        return LocalFileSystem(), str(Path(uri).absolute())
    if "@" in rest.partition("/")[0]:
        raise WikiClipError("Credentials belong into the environment, and not into the address of a remote.")
    rest = rest.rstrip("/")
    if scheme == "file":
        return LocalFileSystem(), rest
    if not rest:
        raise WikiClipError(f"{uri} names no place: write s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, or a folder.")
    if scheme == "s3":
        from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

        # As Amazon's own tools read them; Arrow's client reads the credentials by itself.
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        s3 = S3FileSystem(
            endpoint_override=endpoint,
            region=region,
            connect_timeout=10,
            request_timeout=60,
            retry_strategy=AwsStandardS3RetryStrategy(max_attempts=1),  # attempts are made here, and can be stopped
        )
        return ArrowFSWrapper(s3, skip_instance_cache=True), rest
    if scheme in ("gs", "gcs"):
        from pyarrow.fs import GcsFileSystem

        return ArrowFSWrapper(GcsFileSystem(), skip_instance_cache=True), rest
    try:
        fs, root = fsspec.url_to_fs(uri, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise WikiClipError(f"{uri} cannot be opened: {first_line(error)}.") from error
    return fs, root.rstrip("/")
