"""`python -m indexer.versions push|pull|keygen`."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from indexer.bundles.pull import Pull
from indexer.bundles.push import Push, checkpoint_of, pictures_left
from indexer.bundles.remote import Remote
from indexer.bundles.signing import SigningKey, VerifyKey, make_keys
from indexer.bundles.traffic import WORKERS, Traffic
from indexer.errors import CorruptIndex
from indexer.search import EntityIndex
from indexer.self_check import expect_rows_find_themselves
from indexer.version import Version, read_version
from wikiclip.base.errors import WikiClipError
from wikiclip.base.paths import index_home
from wikiclip.checkpoint import checkpoint_folder

Uri = Annotated[str, typer.Argument(help="A folder, or s3://BUCKET/FOLDER or gs://BUCKET/FOLDER.")]
Named = Annotated[str | None, typer.Argument(help="A version's id; the current one if left out.")]
Home = Annotated[Path | None, typer.Option("--out", help="The folder that keeps them; var/index if left out.")]
NoModel = Annotated[bool, typer.Option("--no-model", help="Leave out the checkpoint that made the version.")]
AtOnce = Annotated[int, typer.Option("--jobs", min=1, max=64, help="Files that are moved at once.")]


def push(
    uri: Uri,
    version: Named = None,
    home: Home = None,
    sign_key: Annotated[Path | None, typer.Option(help="Sign with this private key; see keygen.")] = None,
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="Push without a signature where the pointer that is there has one.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="The checkpoint that made the version, by name or folder, if it is not found.")
    ] = None,
    no_model: NoModel = False,
    checkpoint: Annotated[str | None, typer.Option(help="Push only this checkpoint, by name or folder.")] = None,
    no_current: Annotated[
        bool, typer.Option("--no-current", help="Do not point at the version: those who follow stay where they are.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Send files that are there, too, in place of damaged ones.")
    ] = False,
    jobs: AtOnce = WORKERS,
) -> None:
    """Send a version and its checkpoint to a folder or a store, and point at it. What is there is not sent again."""
    key = None if sign_key is None else SigningKey(sign_key)
    remote = Remote(uri)
    remote.clear()
    with _bar("Pushing", jobs) as traffic:
        pushing = Push(remote, traffic, key=key, again=again, unsigned=unsigned)
        if checkpoint is not None:
            what = pushing.checkpoint(checkpoint_folder(checkpoint))
        else:
            found = read_version(home or index_home(), version)
            made_by = None if no_model else checkpoint_of(found, model)
            pushing.version(found, made_by, current=not no_current)
            what = found.id
    sent = pushing.pushed
    if sent.files or sent.names:
        typer.echo(f"{remote.uri} holds {what}: {sent.files} files, {sent.bytes / 1e6:.1f} MB were sent.")
    else:
        typer.echo(f"{remote.uri} holds {what} already: nothing was sent.")
    left: dict[str, int] = {}
    if checkpoint is None:
        with suppress(CorruptIndex):  # which whoever pulls it is told
            left = pictures_left(found)
    if left:
        typer.echo(
            f"The pictures of {sum(left.values()):,} entities stay here, in {' and '.join(sorted(left))}. To have them"
            " there, too, put what is in there into one folder there, and name that with `pull --pictures`."
        )


def pull(
    uri: Uri,
    version: Annotated[
        str | None, typer.Argument(help="A version's id; the one that was pointed at if left out.")
    ] = None,
    home: Home = None,
    verify_key: Annotated[
        Path | None, typer.Option(help="Take nothing that is not signed with this public key.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Where the entities' pictures are here; without it none are shown.")
    ] = None,
    no_model: NoModel = False,
    checkpoint: Annotated[str | None, typer.Option(help="Pull only this checkpoint, by its fingerprint.")] = None,
    jobs: AtOnce = WORKERS,
) -> None:
    """Fetch a version and its checkpoint, and make it current. A pull that was cut off goes on where it was."""
    key = None if verify_key is None else VerifyKey.read(verify_key)
    if pictures is not None and not pictures.is_dir():
        raise WikiClipError(f"{pictures} is no folder of pictures.")
    home = home or index_home()
    with _bar("Pulling", jobs) as traffic:
        pulling = Pull(Remote(uri, sleep=traffic.pause), home, traffic, key=key, check=_expect_finds, pictures=pictures)
        if checkpoint is not None:
            pulled = pulling.checkpoint(checkpoint)
        else:
            pulled = pulling.version(version, with_checkpoint=not no_model)
    said, serve = f"{pulled.bytes / 1e6:.1f} MB were fetched.", []
    if pulled.version is not None:
        counts = pulled.version.manifest.counts
        said = f"{pulled.version.id} is current in {home}: {counts.entities:,} entities. {said}"
        serve.append(f"WIKICLIP_INDEX={home}")
    if pulled.checkpoint is not None:
        said += f" Its checkpoint is {pulled.checkpoint}."
        serve.append(f"WIKICLIP_MODEL={pulled.checkpoint.name}")
    typer.echo(said)
    if serve:
        typer.echo(f"Serve with {' '.join(serve)} python -m service")


def keygen(file: Annotated[Path, typer.Argument(help="Where the private key goes; the public one gets .pub.")]) -> None:
    """Make a pair of keys: the private one signs at push, and the public one checks at pull."""
    public = make_keys(file)
    typer.echo(f"{file} signs (keep it where you push from); {public} checks (hand it to whoever pulls).")


def _expect_finds(version: Version) -> None:
    """Whole files of a version that does not find what it holds are as good as none."""
    expect_rows_find_themselves(EntityIndex(version).rows)


@contextmanager
def _bar(what: str, jobs: int) -> Iterator[Traffic]:
    with tqdm(total=0, desc=what, unit="B", unit_scale=True, disable=None) as bar:

        def expect(count: int) -> None:
            bar.reset(total=(bar.total or 0) + count)

        yield Traffic(workers=jobs, watch=bar.update, expect=expect)
