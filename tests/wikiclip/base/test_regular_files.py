"""Small files that may be something else."""

import os
from pathlib import Path

import pytest

from wikiclip.base.regular_files import open_regular, read_regular


def test_a_regular_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    assert read_regular(path, most=7) == b"content"
    link = tmp_path / "link"
    link.symlink_to(path)
    assert read_regular(link) == b"content"


def test_what_is_no_regular_file_or_too_large_is_refused_at_once(tmp_path: Path) -> None:
    pipe, large = tmp_path / "pipe", tmp_path / "large"
    os.mkfifo(pipe)
    large.write_bytes(bytes(9))
    for path in (pipe, tmp_path, Path("/dev/zero"), large, tmp_path / "none"):
        with pytest.raises(OSError, match=r"."):
            read_regular(path, most=8)


def test_what_is_refused_stays_open_nowhere(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(OSError, match="no regular file"):
            open_regular(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
