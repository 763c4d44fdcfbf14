"""Writing so that a crash leaves either the old content or the new one."""

import hashlib
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def appearing_folder(target: Path) -> Iterator[Path]:
    """Yields an empty folder beside `target`, which gets that name, whole and on the disk, once the block is done.

    Killed at any moment, `target` is whole or not there; the next attempt removes what this one left. So does an error
    in the block. Two processes must not fill one target at once: `locks.locked` keeps them apart.

    Args:
        target: not there, or an empty folder, when the block ends; its parents are made.
    """
    partial = _beside(target)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        publish_folder(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


@contextmanager
def shared_folder(target: Path) -> Iterator[Path]:
    """`appearing_folder` for a target that processes may fill at once, on any machines that share it.

    Each fills a folder of its own. Whoever is done first gives the target its content, and what the others made is
    dropped: it must be the same. What a killed one leaves stays beside the target.
    """
    partial = target.with_name(f"{target.name}.{uuid.uuid4().hex[:12]}.partial")
    partial.mkdir(parents=True)
    try:
        yield partial
        try:
            publish_folder(partial, target)
        except OSError:
            if not target.is_dir():
                raise
            shutil.rmtree(partial)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


@contextmanager
def appearing_file(target: Path) -> Iterator[Path]:
    """Yields a path beside `target`; the file that the block writes there takes the place of `target` in one step.

    Killed at any moment, `target` has its old content or the new one, and after the block the new one is on the disk.
    """
    partial = _beside(target)
    try:
        yield partial
        sync(partial)
        partial.replace(target)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    sync(target.parent)


def write_text(path: Path, text: str) -> None:
    """Replaces a small file in one step."""
    with appearing_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def publish_folder(finished: Path, target: Path) -> None:
    """Gives a finished folder its final name, once all that it holds is on the disk."""
    for path in sorted(finished.rglob("*"), reverse=True):
        sync(path)
    sync(finished)
    finished.rename(target)
    sync(target.parent)


def make_read_only(folder: Path) -> None:
    """Takes the right to write from all files of a folder. Folders keep it: files can still be moved and removed.

    It keeps accidents away, such as a program that writes into a file which another one has mapped. A file of another
    owner, or on a file system that has no such rights, stays as it is.
    """
    for path in folder.rglob("*"):
        if path.is_file():
            with suppress(OSError):
                path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)


def remove_folder(folder: Path) -> None:
    """Removes a folder if it is there. Its name goes first: killed at any moment, the folder is whole or not there.

    The next attempt removes what a killed one left.
    """
    doomed = folder.with_name(f".{folder.name}.removed")
    if doomed.exists():
        shutil.rmtree(doomed)
    if folder.exists():
        folder.rename(doomed)
        shutil.rmtree(doomed)


def sync(path: Path) -> None:
    """Makes a file's content, or a folder's list of names, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def link(old: Path, new: Path) -> None:
    """The same file under two names, or a copy where the file system knows no such thing."""
    new.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(old, new)
    except OSError:
        shutil.copyfile(old, new)


def sha256(path: Path) -> str:
    """The checksum of a file's content, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _beside(target: Path) -> Path:
    return target.with_name(f"{target.name}.partial")
