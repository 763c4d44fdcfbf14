"""Index versions: immutable folders, of which one is current.

`HOME/CURRENT` names the current one of `HOME/versions`. A version is filled elsewhere, made read-only, put on the
disk, and moved into place; then the pointer is replaced, which publishes it. A crash between any two steps leaves the
old version current and whole. `HOME/PUBLISHED` keeps the order in which versions were published. `HOME/LOCK` is held by
whoever changes any of this, and holds the number of that process.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.arrays import read_array
from indexer.errors import CorruptIndex, IndexBusy, NoIndex, WrongModel
from indexer.manifest import MANIFEST, Manifest, read_manifest, verify_files
from indexer.shard import FILES as SHARD_FILES
from indexer.updating.sent import pictures_of
from wikiclip.base.files import appearing_file, make_read_only, publish_folder, write_text
from wikiclip.base.locks import Held, locked
from wikiclip.base.regular_files import read_regular

CURRENT, PUBLISHED, VERSIONS, LOCK = "CURRENT", "PUBLISHED", "versions", "LOCK"
MOST_BYTES = 2**24  # of a manifest, which lists every file, and of the files that name versions
PICTURES = "PICTURES"  # in a version of another machine: where its pictures are here
PROBLEMS, DELETED, SHARDS, SHARED = "problems.jsonl", "deleted.npy", "shards", "shared"
# The time it was published, then the checksum of its manifest: a change to the manifest itself shows, too.
VERSION_ID = re.compile(r"[0-9]{8}t[0-9]{12}-[0-9a-f]{16}")


@dataclass(frozen=True)
class Version:
    """A version whose manifest could be read; its files are not checked yet.

    Attributes:
        id: its folder's name.
        folder: what it holds.
        manifest: what it says it holds.
    """

    id: str
    folder: Path
    manifest: Manifest

    @property
    def shards(self) -> list[Path]:
        """The shards' folders, in the order of their rows."""
        return [self.folder / stamp.folder for stamp in self.manifest.shards]

    @property
    def shared(self) -> Path:
        """The folder of what the shards share."""
        return self.folder / SHARED

    def state(self) -> int:
        """A number that is another once a file was replaced, cut off or written to. Looks at each, and reads none."""
        return hash(tuple(_state(self.folder / name) for name in self.manifest.files))

    def deleted(self) -> NDArray[np.uint32]:
        """Numbers of the entities that are no more, ascending.

        Raises:
            CorruptIndex: the file is not such a list.
        """
        return read_array(self.folder / DELETED, np.uint32)

    def verify(self) -> None:
        """Raises CorruptIndex where a file is not what the manifest says."""
        verify_files(self.folder, self.manifest, needed=needed_files(self.manifest))

    def expect_model(self, fingerprint: str) -> None:
        """Raises WrongModel where another checkpoint made the vectors."""
        made_by = self.manifest.model
        if made_by.fingerprint != fingerprint:
            raise WrongModel(
                f"The index {self.id} was made with the checkpoint {made_by.fingerprint} ({made_by.name}), and the one"
                f" that was loaded is {fingerprint}. Load that checkpoint, or build the index again with this one."
            )


def needed_files(manifest: Manifest) -> list[str]:
    """What every version of these shards holds, whatever its kind adds."""
    return [PROBLEMS, DELETED, *(f"{stamp.folder}/{name}" for stamp in manifest.shards for name in SHARD_FILES)]


@contextmanager
def only_builder(home: Path, *, wait: bool = False) -> Iterator[None]:
    """Holds the folder of the versions while the block runs.

    Args:
        wait: whether to wait for another process that holds it.

    Raises:
        IndexBusy: another process holds it, and `wait` is False; names that process.
    """
    home.mkdir(parents=True, exist_ok=True)
    path = home / LOCK
    with ExitStack() as stack:
        try:
            descriptor = stack.enter_context(locked(path, wait=wait))
        except Held as error:
            holder = path.read_text(encoding="utf-8").strip() or "unknown"
            raise IndexBusy(
                f"The process {holder} builds an index in {home}; wait for it, or name another --out."
            ) from error
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield


def read_version(home: Path, version: str | None = None) -> Version:
    """Finds a version, the current one if none is named, and reads its manifest.

    Raises:
        NoIndex: nothing was published in this folder, or no version of that name.
        CorruptIndex: the pointer or the manifest was changed.
    """
    name = _current(home) if version is None else version
    folder = home / VERSIONS / name
    if not VERSION_ID.fullmatch(name) or not folder.is_dir():
        raise NoIndex(f"There is no index version {name[:60]!r} in {home}; build one with `python -m indexer.build`.")
    path = folder / MANIFEST
    try:
        text = read_regular(path, most=MOST_BYTES)
    except OSError as error:
        raise CorruptIndex(f"{path} cannot be read ({error.strerror}); build the index again.") from error
    if _checksum(text) != name.partition("-")[2]:
        raise CorruptIndex(f"{path} has another content than was written; build the index again.")
    return Version(name, folder, _with_pictures(read_manifest(text, where=path), folder))


def version_ids(home: Path) -> list[str]:
    """The versions that were published and are kept, the newest first.

    They follow the order in which they were published: their names have the time, which a clock that is set back
    makes a lie of.
    """
    folders, order = _folders(home), _order(home)
    if order is None:  # from before it was kept
        order = sorted(folders)
    with suppress(NoIndex, CorruptIndex):
        # A version is published by the pointer, and the order is kept only then.
        if (current := _current(home)) not in order:
            order.append(current)
    return [name for name in reversed(order) if name in folders]


def unpublished_ids(home: Path) -> list[str]:
    """Folders that are whole, and whose publication was cut off before the pointer named them; the newest first."""
    return sorted(_folders(home).difference(version_ids(home)), reverse=True)


def newest(home: Path, fits: Callable[[Version], bool]) -> Version | None:
    """The newest version that fits and is whole, published or not; None where there is none."""
    for name in (*unpublished_ids(home), *version_ids(home)):
        try:
            version = read_version(home, name)
            if fits(version):
                version.verify()
                return version
        except CorruptIndex:
            continue
    return None


def publish(filled: Path, manifest: Manifest, home: Path) -> Version:
    """Makes a filled folder the current version, whose files nobody may write to from then on.

    The folder must be on the same file system as `home`.
    """
    return adopt(filled, *_named(manifest), home)


def adopt(filled: Path, name: str, manifest: bytes, home: Path) -> Version:
    """Makes a filled folder the current version, as `publish` does, under the id that it was published under before.

    Args:
        manifest: the content of its manifest, whose checksum the id has.
    """
    version = _placed(filled, name, manifest, home)
    make_current(version, home)
    return version


def place(filled: Path, manifest: Manifest, home: Path) -> Version:
    """Moves a filled folder to its place, as `publish` does, and leaves the current version current."""
    name, text = _named(manifest)
    return _placed(filled, name, text, home)


def _named(manifest: Manifest) -> tuple[str, bytes]:
    """The id of a version that is published now, and the text of its manifest."""
    text = (manifest.model_dump_json(indent=2) + "\n").encode()
    return f"{datetime.now(UTC):%Y%m%dt%H%M%S%f}-{_checksum(text)}", text


def _placed(filled: Path, name: str, manifest: bytes, home: Path) -> Version:
    with appearing_file(filled / MANIFEST) as partial:
        partial.write_bytes(manifest)
    make_read_only(filled)
    folder = home / VERSIONS / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    _keep_order(home)  # without the new one, which is not published before the pointer names it
    publish_folder(filled, folder)
    return read_version(home, name)


def note_pictures(folder: Path, pictures: Path | None, *, anew: bool = True) -> None:
    """Notes in a version of another machine where its pictures are on this one; None: nowhere.

    What a manifest says of that is the other machine's, and would show files of this one.

    Args:
        anew: whether the version is new here; else a note is changed where there is one, and a version that was made
            here, which has none, stays as it is.
    """
    if anew or was_pulled(folder):
        write_text(folder / PICTURES, "" if pictures is None else f"{pictures.absolute()}")


def make_current(version: Version, home: Path, *, as_newest: bool = False) -> None:
    """Points at a version that `home` keeps, in one step, which also publishes one that was not.

    Args:
        as_newest: it counts as published now, so that the one that was current comes before it.
    """
    _keep_order(home)
    write_text(home / CURRENT, version.id + "\n")
    _keep_order(home, newest=version.id if as_newest else None)


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_ino, told.st_size, told.st_mtime_ns


def _folders(home: Path) -> set[str]:
    folder = home / VERSIONS
    return {path.name for path in folder.iterdir() if VERSION_ID.fullmatch(path.name)} if folder.is_dir() else set()


def _keep_order(home: Path, *, newest: str | None = None) -> None:
    order = version_ids(home)[::-1]
    if newest is not None:
        order = [*(name for name in order if name != newest), newest]
    if order != _order(home):
        write_text(home / PUBLISHED, "".join(f"{name}\n" for name in order))


def _order(home: Path) -> list[str] | None:
    """The ids that were published, the oldest first; None where the list cannot be read, which names stand in for."""
    try:
        return read_regular(home / PUBLISHED, most=MOST_BYTES).decode("ascii").split()
    except (OSError, UnicodeDecodeError):
        return None


def _current(home: Path) -> str:
    path = home / CURRENT
    try:
        return read_regular(path, most=MOST_BYTES).decode("utf-8").strip()
    except FileNotFoundError as error:
        raise NoIndex(f"There is no index in {home}; build one with `python -m indexer.build`.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise CorruptIndex(f"{path} cannot be read ({error}); build the index again.") from error


def was_pulled(folder: Path) -> bool:
    """Whether a version's folder came from another machine."""
    return (folder / PICTURES).exists()


def _with_pictures(manifest: Manifest, folder: Path) -> Manifest:
    """The manifest as this machine has to read it: with its own folder of pictures, in a version of another one; and
    with pictures that came with changes where they are now, should the versions' folder have been moved."""
    try:
        noted = os.fsdecode(read_regular(folder / PICTURES))
    except FileNotFoundError:
        return _with_sent_pictures(manifest, pictures_of(folder.parents[1]))
    except OSError as error:
        raise CorruptIndex(f"{folder / PICTURES} cannot be read ({error}); pull the version again.") from error
    here = {"image_root": noted or None, "follow_links": False}
    return manifest.model_copy(update={"shards": tuple(shard.model_copy(update=here) for shard in manifest.shards)})


def _with_sent_pictures(manifest: Manifest, sent: Path) -> Manifest:
    roots = [shard.image_root for shard in manifest.shards]
    moved = [root is not None and Path(root).parts[-2:] == sent.parts[-2:] for root in roots]
    if not any(moved) or not sent.is_dir():
        return manifest
    here = {"image_root": str(sent.absolute())}
    shards = (
        shard.model_copy(update=here) if is_moved else shard
        for shard, is_moved in zip(manifest.shards, moved, strict=True)
    )
    return manifest.model_copy(update={"shards": tuple(shards)})


def _checksum(manifest: bytes) -> str:
    return hashlib.sha256(manifest).hexdigest()[:16]
