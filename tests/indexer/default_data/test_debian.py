import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.default_data.debian import package_versions
from indexer.default_data.needs import PACKAGES as NEEDED
from indexer.default_data.needs import Fetched
from wikiclip.base.errors import WikiClipError

PACKAGES = NEEDED[Fetched.WORDNET]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for the data, with a blank in its name."""
    home = tmp_path / "a home"
    monkeypatch.setenv("WIKICLIP_HOME", str(home))
    return home


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of commands, and empty."""
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools))
    return tools


def _script(path: Path, *lines: str) -> None:
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    path.chmod(0o755)


def _fetch(stdout: int = subprocess.PIPE) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "indexer.default_data", "fetch", "--kb", "wordnet"]
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True)


def _fetched() -> str:
    process = _fetch()
    said, complaints = process.communicate()
    assert (process.returncode, complaints) == (0, "")
    return said


def _failed() -> str:
    process = _fetch()
    _, complaints = process.communicate()
    assert process.returncode == 1
    assert complaints.count("\n") == 1
    return complaints


def _killed_once(reached: Callable[[], bool]) -> None:
    process = _fetch(stdout=subprocess.DEVNULL)  # not a pipe: what is left running would end with it
    deadline = time.monotonic() + 300
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fetches_whatever_was_cut_off_before_and_only_once(home: Path, monkeypatch: pytest.MonkeyPatch):
    root, work = home / "debian" / "root", home / "debian" / "partial"
    for pattern in ("lists/*InRelease", "packages/tuxpaint*.deb", "root/usr/share/tuxpaint/stamps/*"):
        _killed_once(lambda pattern=pattern: any(work.glob(pattern)))
        assert not root.exists()
        with pytest.raises(WikiClipError, match="fetch --kb wordnet"):
            package_versions(PACKAGES)

    # Made by hand, so that nobody knows of which version it is.
    (root / "usr").mkdir(parents=True)
    (root / "usr" / "stray").touch()
    said = _fetched()
    versions = package_versions(PACKAGES)
    assert all(f"{package} {versions[package]}" in said for package in PACKAGES)
    assert (root / "usr/share/wordnet/data.noun").stat().st_size > 10_000_000
    stamps = root / "usr/share/tuxpaint/stamps"
    assert len(list(stamps.rglob("*.png"))) > 500
    assert (stamps / "animals/birds/adelaide-rosella.png").is_file()
    suffixes = {path.suffix for path in root.rglob("*")}
    assert suffixes.isdisjoint({".ogg", ".wav", ".deb"})
    assert not (root / "usr" / "stray").exists()
    assert sorted(path.name for path in root.parent.iterdir()) == ["LOCK", "root"]

    monkeypatch.setenv("PATH", "")
    before = root.stat().st_ino
    assert _fetched() == said.splitlines(keepends=True)[-1]
    assert root.stat().st_ino == before


def test_removes_what_a_fetch_that_was_killed_after_publishing_left(home: Path):
    root, work = home / "debian" / "root", home / "debian" / "partial"
    root.mkdir(parents=True)
    (root / "packages.json").write_text(json.dumps(dict.fromkeys(PACKAGES, "1.0")))
    (work / "packages").mkdir(parents=True)
    _fetched()
    assert not work.exists()


@pytest.mark.parametrize("written", ["", "[]", '{"wordnet-base": 3}', '{"wordnet-base": "3.0"}'])
def test_versions_that_do_not_name_all_packages_are_no_data(home: Path, written: str):
    (home / "debian" / "root").mkdir(parents=True)
    (home / "debian" / "root" / "packages.json").write_text(written)
    with pytest.raises(WikiClipError, match="fetch --kb wordnet"):
        package_versions(PACKAGES)


def test_what_another_knowledge_base_lacks_is_named_with_what_fetches_it(home: Path):
    (home / "debian" / "root").mkdir(parents=True)
    (home / "debian" / "root" / "packages.json").write_text(json.dumps(dict.fromkeys(PACKAGES, "1.0")))
    with pytest.raises(WikiClipError, match=r"of openclipart-png is not in .* `make demo-data`"):
        package_versions(NEEDED[Fetched.WIKIPEDIA])


def test_a_package_is_added_to_those_that_are_there(home: Path, tools: Path):
    root = home / "debian" / "root"
    (root / "usr").mkdir(parents=True)
    (root / "usr" / "old").write_text("old")
    (root / "packages.json").write_text(json.dumps({PACKAGES[0]: "1.0"}))
    _script(
        tools / "apt-get",
        f'case "$*" in *{PACKAGES[0]}*) exit 1 ;; *update*) exit 0 ;; esac',
        f": > {PACKAGES[1]}_2.0_all.deb",
    )
    extract = '--extract) /bin/mkdir -p "$3/usr"; echo new > "$3/usr/new"; /bin/ln -s new "$3/usr/link" ;;'
    _script(tools / "dpkg-deb", f'case "$1" in {extract} *) echo 2.0 ;; esac')
    assert "Fetching wordnet-base, 6 MB" in _fetched()
    assert package_versions(PACKAGES) == {PACKAGES[0]: "1.0", PACKAGES[1]: "2.0"}
    assert sorted(path.name for path in (root / "usr").iterdir()) == ["new", "old"]


def test_without_apt_says_what_to_do_and_makes_nothing(home: Path, tools: Path):
    assert "no apt-get here: run `docker compose up`" in _failed()
    _script(tools / "apt-get")
    assert "no dpkg-deb here: run `docker compose up`" in _failed()
    assert not home.exists()


def test_says_what_apt_complains_of(home: Path, tools: Path):
    _script(tools / "dpkg-deb")
    _script(
        tools / "apt-get",
        'case "$*" in',
        '*update*) echo "E: The repository is not signed." >&2; echo "E: Some index files were ignored." >&2 ;;',
        '*) echo "W: Old." >&2; echo "E: Unable to locate package wordnet-base" >&2 ;;',
        "esac",
        "exit 100",
    )
    complaint = _failed()
    assert "(E: The repository is not signed.; E: Unable to locate package wordnet-base)" in complaint
    assert "universe" in complaint
    assert not (home / "debian" / "root").exists()


def test_one_broken_source_does_not_matter_and_a_broken_package_is_named(home: Path, tools: Path):
    _script(
        tools / "apt-get",
        'case "$*" in *update*) echo "E: The repository is not signed." >&2; exit 100 ;; esac',
        *(f": > {package}_1.0_all.deb" for package in PACKAGES),
    )
    _script(tools / "dpkg-deb", 'echo "dpkg-deb: error: no space left on device" >&2', "exit 2")
    complaint = _failed()
    assert f"{PACKAGES[0]} could not be unpacked" in complaint
    assert "no space left on device" in complaint


def test_waits_for_a_tool_that_a_killed_fetch_left_running(home: Path, tools: Path):
    _script(tools / "dpkg-deb")
    pid = tools / "pid"
    _script(
        tools / "apt-get",
        f"[ -e {pid} ] && exit 100",
        f"echo $$ > {pid}.new",
        f"/bin/mv {pid}.new {pid}",
        "exec /bin/sleep 100",
    )
    _killed_once(pid.exists)
    second = _fetch()
    try:
        assert second.stdout is not None
        assert "waiting" in second.stdout.readline()
        assert second.poll() is None
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)
    assert "ended with 100" in second.communicate()[1]
