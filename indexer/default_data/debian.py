"""Debian packages, unpacked into one folder and not installed."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import typer
from pydantic import TypeAdapter, ValidationError

from indexer.default_data.needs import MEGABYTES, how_to_fetch
from indexer.default_data.tools import only_fetcher, run_tool
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import link, publish_folder, write_text
from wikiclip.base.paths import debian_root

SOUNDS = {".ogg", ".wav"}
VERSIONS = "packages.json"
APT_ERROR = "E: "


def fetch_packages(packages: tuple[str, ...]) -> None:
    """Fetches the packages that are not there. A fetch that was cut off goes on where it was.

    Raises:
        WikiClipError: there is no apt here, or it could not fetch a package.
    """
    work = debian_root().parent.resolve() / "partial"
    if _lacking(packages) or work.exists():
        expect_tools()
        with only_fetcher(work) as lock:
            if lacking := _lacking(packages):
                _publish(_unpacked(_downloaded(lacking, work, lock), work, lock), work)


def package_versions(packages: tuple[str, ...]) -> dict[str, str]:
    """The version of each of these packages, which were fetched.

    Raises:
        WikiClipError: they are not there.
    """
    there = _versions()
    if lacking := [name for name in packages if name not in there]:
        raise WikiClipError(
            f"The data of {' and '.join(lacking)} is not in {debian_root()}: run {how_to_fetch(packages)}, which"
            " fetches it."
        )
    return {name: there[name] for name in packages}


def expect_tools() -> None:
    """Raises WikiClipError where what fetches and unpacks Debian packages is not there."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise WikiClipError(
                f"The default data comes from Debian packages, and there is no {tool} here: "
                "run `docker compose up` instead."
            )


def _versions() -> dict[str, str]:
    """Of all packages that are there, as the folder says; none where it does not say so."""
    try:
        return TypeAdapter(dict[str, str]).validate_json((debian_root() / VERSIONS).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return {}


def _lacking(packages: tuple[str, ...]) -> list[str]:
    there = _versions()
    return [name for name in packages if name not in there]


def _downloaded(packages: list[str], work: Path, lock: int) -> dict[str, Path]:
    """The file of each package, with apt's lists and archives in `work` and its sources and keys from the system.

    apt checks what an earlier call left there, keeps what is whole and continues the rest.
    """
    folder = work / "packages"
    for needed in (work / "lists/partial", work / "archives/partial", folder):
        needed.mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::State": work,
        "Dir::State::lists": work / "lists",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": work,
        "Acquire::Languages": "none",
        "Acquire::Retries": 3,
        "APT::Update::Error-Mode": "any",
        "APT::Sandbox::User": "root",  # apt's own user, which root would hand over to, cannot write to `work`
    }
    apt = ["apt-get", *(f"-o{name}={value}" for name, value in options.items())]
    typer.echo("Reading what apt's sources have ...")
    stale = ""
    try:
        run_tool([*apt, "update"], cwd=folder, lock=lock, errors_begin=APT_ERROR)
    except WikiClipError as error:
        stale = f"{error}; "  # one of several sources may be broken and another have the packages
    typer.echo(f"Fetching {', '.join(packages)}, {sum(MEGABYTES[name] for name in packages)} MB ...")
    try:
        run_tool([*apt, "download", *packages], cwd=folder, lock=lock, errors_begin=APT_ERROR)
    except WikiClipError as error:
        raise WikiClipError(
            f"apt could not fetch the default data ({stale}{error}): check the network and apt's sources, which on "
            "Ubuntu need the component `universe`, and try again, or run `docker compose up` instead."
        ) from error
    # An older version may lie beside, of a fetch that was cut off. By its inode: apt dates the file as its source does.
    return {name: max(folder.glob(f"{name}_*.deb"), key=lambda deb: deb.stat().st_ctime) for name in packages}


def _unpacked(packages: dict[str, Path], work: Path, lock: int) -> Path:
    """The packages in one folder, with those that were there before, less what nothing here reads."""
    folder, versions = work / "root", _versions()
    shutil.rmtree(folder, ignore_errors=True)
    if versions:
        shutil.copytree(debian_root(), folder, symlinks=True, copy_function=lambda old, new: link(Path(old), Path(new)))
    for name, file in packages.items():
        typer.echo(f"Unpacking {name} ...")
        try:
            run_tool(["dpkg-deb", "--extract", file, folder], cwd=work, lock=lock, errors_begin=APT_ERROR)
            field: list[str | Path] = ["dpkg-deb", "--field", file, "Version"]
            said = run_tool(field, cwd=work, lock=lock, errors_begin=APT_ERROR, stdout=subprocess.PIPE)
        except WikiClipError as error:
            raise WikiClipError(f"The Debian package {name} could not be unpacked in {work}: {error}") from error
        versions[name] = said.strip()
    for path in sorted(folder.rglob("*")):
        if path.suffix in SOUNDS or path.is_symlink():  # a package's links are meant for the folders of the system
            path.unlink()
    write_text(folder / VERSIONS, json.dumps(versions, indent=2) + "\n")
    return folder


def _publish(unpacked: Path, work: Path) -> None:
    """Gives the folder its final name, in place of one that was made by hand or of fewer packages."""
    root = debian_root()
    if root.is_symlink():
        root.unlink()
    elif root.exists():
        root.rename(tempfile.mkdtemp(dir=work))
    publish_folder(unpacked, root)
