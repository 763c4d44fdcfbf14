"""What was compared once is not read again, unless somebody may have written to it."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from indexer import compared
from indexer.compared import SETTLED_NS, checksum


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One more item for each file that was read."""
    seen: list[int] = []
    digest = hashlib.file_digest

    def counted(file: object, name: str) -> object:
        seen.append(1)
        return digest(file, name)  # type: ignore[arg-type]

    monkeypatch.setattr(compared.hashlib, "file_digest", counted)
    return seen


@pytest.fixture
def settled(tmp_path: Path) -> Path:
    """A file that was written a while ago."""
    path = tmp_path / "file"
    path.write_bytes(b"one")
    back_date(path)
    return path


def back_date(path: Path) -> None:
    then = time.time_ns() - 2 * SETTLED_NS
    os.utime(path, ns=(then, then))


def of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_file_is_read_once_by_whatever_name(settled: Path, tmp_path: Path, reads: list[int]) -> None:
    os.link(settled, tmp_path / "link")
    assert checksum(settled) == checksum(tmp_path / "link") == checksum(settled) == of(b"one")
    assert len(reads) == 1


def test_what_was_written_to_is_read_again(settled: Path, reads: list[int]) -> None:
    checksum(settled)
    with settled.open("r+b") as file:
        file.write(b"two")  # as long as before
    assert checksum(settled) == of(b"two")
    settled.unlink()
    settled.write_bytes(b"six")
    back_date(settled)
    assert checksum(settled) == of(b"six")
    assert len(reads) == 3


def test_what_was_written_a_moment_ago_is_not_known(tmp_path: Path, reads: list[int]) -> None:
    path = tmp_path / "new"
    path.write_bytes(b"one")
    told = path.stat()
    assert checksum(path) == of(b"one")
    path.write_bytes(b"two")
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))  # within the same tick of the clock
    assert checksum(path) == of(b"two")
    assert len(reads) == 2


def test_what_cannot_be_read_is_no_known_file(settled: Path) -> None:
    checksum(settled)
    settled.unlink()
    with pytest.raises(FileNotFoundError):
        checksum(settled)
