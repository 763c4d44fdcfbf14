"""Folders and files that appear whole, whenever the process that makes them ends."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wikiclip.base.files import appearing_file, appearing_folder, remove_folder, shared_folder, write_text

KILLED = """
import os, signal, sys
from pathlib import Path
from wikiclip.base.files import appearing_file, appearing_folder

def dies_before(function):
    def call(*args, **kwargs):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return function(*args, **kwargs)
    return call

os.fsync, Path.rename, Path.replace, Path.mkdir = map(dies_before, (os.fsync, Path.rename, Path.replace, Path.mkdir))
home, left = Path(sys.argv[1]), int(sys.argv[2])
with appearing_folder(home / "folder") as partial:
    (partial / "inner").mkdir()
    (partial / "inner" / "a").write_text("a")
    (partial / "b").write_text("b")
with appearing_file(home / "file") as partial:
    partial.write_text("new")
"""


def contents(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_process_killed_at_any_step_leaves_what_was_there_or_the_whole(tmp_path: Path) -> None:
    for step in range(50):
        home = tmp_path / str(step)
        (home / "folder.partial").mkdir(parents=True)
        (home / "folder.partial" / "stray").touch()
        (home / "file").write_text("old")
        done = subprocess.run([sys.executable, "-c", KILLED, str(home), str(step)], check=False)
        assert (home / "file").read_text() in ("old", "new")
        if (home / "folder").exists():
            assert contents(home / "folder") == {"inner/a": "a", "b": "b"}
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    assert step > 8
    assert sorted(path.name for path in home.iterdir()) == ["file", "folder"]
    assert (home / "file").read_text() == "new"


def half_done(path: Path) -> None:
    path.write_text("new")
    raise KeyboardInterrupt


def test_an_error_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(KeyboardInterrupt), appearing_folder(tmp_path / "parents" / "folder") as partial:
        half_done(partial / "a")
    with pytest.raises(KeyboardInterrupt), appearing_file(tmp_path / "file") as partial:
        half_done(partial)
    assert list((tmp_path / "parents").iterdir()) == []
    assert (tmp_path / "file").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "parents"]


def test_a_folder_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").touch()
    with pytest.raises(OSError, match="not empty"), appearing_folder(tmp_path / "folder"):
        pass
    assert contents(tmp_path) == {"folder/a": ""}


def test_text_is_written_over_what_a_crash_left(tmp_path: Path) -> None:
    (tmp_path / "text.partial").write_text("something longer")
    write_text(tmp_path / "text", "né")
    assert contents(tmp_path) == {"text": "né"}
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "nowhere" / "text", "")


def test_a_folder_whose_removal_is_cut_off_is_gone_and_the_next_attempt_clears_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(path: Path) -> None:
        (path / "a").unlink()
        raise InterruptedError

    folder = tmp_path / "folder"
    for _ in range(2):
        folder.mkdir()
        (folder / "a").write_text("a")
        with monkeypatch.context() as patched:
            patched.setattr("wikiclip.base.files.shutil.rmtree", cut_off)
            with pytest.raises(InterruptedError):
                remove_folder(folder)
        assert not folder.exists()
        assert len(list(tmp_path.iterdir())) == 1
        remove_folder(folder)
        assert not list(tmp_path.iterdir())


def test_of_two_who_fill_one_folder_the_first_that_is_done_gives_it_its_content(tmp_path: Path):
    target = tmp_path / "parents" / "folder"
    with shared_folder(target) as late:
        with shared_folder(target) as early:
            (early / "file").write_text("early")
        (late / "file").write_text("late")
    assert (target / "file").read_text() == "early"
    with pytest.raises(KeyboardInterrupt), shared_folder(target.with_name("other")) as partial:
        half_done(partial / "file")
    assert [path.name for path in target.parent.iterdir()] == ["folder"]
