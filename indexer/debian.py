"""The default data: two Debian packages, which `python -m indexer.debian fetch` unpacks and does not install."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer
from pydantic import TypeAdapter, ValidationError

from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import publish_folder, write_text
from wikiclip.base.locks import locked
from wikiclip.base.paths import debian_root

PACKAGES = ("tuxpaint-stamps-default", "wordnet-base")
SOUNDS = {".ogg", ".wav"}
VERSIONS = "packages.json"

app = typer.Typer(add_completion=False)


@app.callback()
def _describe() -> None:
    """The default data, as Debian packages carry it."""


@app.command()
def fetch() -> None:
    """Fetch the default data, unless it is there. A fetch that was cut off goes on where it was.

    Raises:
        WikiClipError: there is no apt here, or it could not fetch a package.
    """
    work = debian_root().parent.resolve() / "partial"
    if not _published() or work.exists():
        with _only_fetcher(work) as lock:
            if not _published():
                _publish(_unpacked(_downloaded(work, lock), work, lock), work)
            shutil.rmtree(work)
    versions = ", ".join(f"{package} {version}" for package, version in package_versions().items())
    typer.echo(f"The default data is in {debian_root()}: {versions}.")


def package_versions() -> dict[str, str]:
    """The version of each package that was fetched.

    Raises:
        WikiClipError: the default data is not there, or not whole.
    """
    try:
        versions = TypeAdapter(dict[str, str]).validate_json((debian_root() / VERSIONS).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError) as error:
        raise WikiClipError(
            f"The default data is not in {debian_root()}: run `make demo-data`, which fetches it."
        ) from error
    if set(versions) != set(PACKAGES):
        raise WikiClipError(
            f"The data in {debian_root()} is not of {' and '.join(PACKAGES)}: run `make demo-data`, which fetches them."
        )
    return versions


def _published() -> bool:
    try:
        package_versions()
    except WikiClipError:
        return False
    return True


@contextmanager
def _only_fetcher(work: Path) -> Iterator[int]:
    """Yields a lock to hand to every tool that writes to `work`, since apt goes on after a fetch that was killed."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise WikiClipError(
                f"The default data comes from Debian packages, and there is no {tool} here: "
                "run `docker compose up` instead."
            )
    work.mkdir(parents=True, exist_ok=True)
    waiting = "The default data is being fetched already: waiting for that to end ..."
    with locked(work.parent / "LOCK", when_held=lambda: typer.echo(waiting)) as lock:
        work.mkdir(exist_ok=True)
        yield lock


def _run(command: Sequence[str | Path], *, cwd: Path, lock: int, stdout: int | None = None) -> str:
    """Runs a tool, whose progress the user sees, and returns its output if `stdout` is a pipe.

    Raises:
        WikiClipError: it failed; the message is what it complained about first, from which apt's later lines follow.
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        pass_fds=(lock,),
        check=False,
    )
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in said if line.startswith("E: ")]
        raise WikiClipError((errors or said[-1:] or [f"{command[0]} ended with {done.returncode}"])[0])
    return done.stdout or ""


def _downloaded(work: Path, lock: int) -> dict[str, Path]:
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
        _run([*apt, "update"], cwd=folder, lock=lock)
    except WikiClipError as error:
        stale = f"{error}; "  # one of several sources may be broken and another have the packages
    typer.echo("Fetching the default data, 170 MB ...")
    try:
        _run([*apt, "download", *PACKAGES], cwd=folder, lock=lock)
    except WikiClipError as error:
        raise WikiClipError(
            f"apt could not fetch the default data ({stale}{error}): check the network and apt's sources, which on "
            "Ubuntu need the component `universe`, and try again, or run `docker compose up` instead."
        ) from error
    # An older version may lie beside, of a fetch that was cut off. By its inode: apt dates the file as its source does.
    return {name: max(folder.glob(f"{name}_*.deb"), key=lambda deb: deb.stat().st_ctime) for name in PACKAGES}


def _unpacked(packages: dict[str, Path], work: Path, lock: int) -> Path:
    """The packages in one folder, less what nothing here reads."""
    folder = work / "root"
    shutil.rmtree(folder, ignore_errors=True)
    versions = {}
    for name, file in packages.items():
        typer.echo(f"Unpacking {name} ...")
        try:
            _run(["dpkg-deb", "--extract", file, folder], cwd=work, lock=lock)
            said = _run(["dpkg-deb", "--field", file, "Version"], cwd=work, lock=lock, stdout=subprocess.PIPE)
        except WikiClipError as error:
            raise WikiClipError(f"The Debian package {name} could not be unpacked in {work}: {error}") from error
        versions[name] = said.strip()
    for path in sorted(folder.rglob("*")):
        if path.suffix in SOUNDS or path.is_symlink():  # a package's links are meant for the folders of the system
            path.unlink()
    write_text(folder / VERSIONS, json.dumps(versions, indent=2) + "\n")
    return folder


def _publish(unpacked: Path, work: Path) -> None:
    """Gives the folder its final name, in place of one that was made by hand or of other packages."""
    root = debian_root()
    if root.is_symlink():
        root.unlink()
    elif root.exists():
        root.rename(tempfile.mkdtemp(dir=work))
    publish_folder(unpacked, root)


if __name__ == "__main__":
    run(app)
