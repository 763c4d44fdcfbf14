"""Writing so that a crash leaves either the old content or the new one."""

import hashlib
import os
import shutil
from pathlib import Path


def sync(path: Path) -> None:
    """Makes a file's content, or a folder's list of names, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Replaces a small file in one step."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    sync(partial)
    partial.replace(path)
    sync(path.parent)


def publish_folder(finished: Path, target: Path) -> None:
    """Gives a finished folder its final name, once all that it holds is on the disk."""
    for path in sorted(finished.rglob("*"), reverse=True):
        sync(path)
    sync(finished)
    finished.rename(target)
    sync(target.parent)


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
