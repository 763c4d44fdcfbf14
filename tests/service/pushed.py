"""Versions of one index, and how they come to a remote."""

import json
import shutil
from pathlib import Path

from typer.testing import CliRunner

from indexer.bundles.push import Push
from indexer.bundles.remote import Remote
from indexer.bundles.signing import SigningKey
from indexer.bundles.traffic import Traffic
from indexer.update import app as update_app
from indexer.version import read_version, version_ids
from service.settings import Settings
from wikiclip.checkpoint import checkpoint_folder

Versions = tuple[Path, list[str]]


def make_versions(index_home: Path, folder: Path) -> Versions:
    """A folder with three versions, of which each but the first has an entity more, and their ids."""
    home = Path(shutil.copytree(index_home, folder / "index"))
    for number in range(2):
        line = {"entity_id": f"new-{number}", "title": f"new {number}", "text": f"A thing of the number {number}."}
        (folder / "changes.jsonl").write_text(json.dumps(line) + "\n")
        done = CliRunner().invoke(update_app, ["--out", str(home), "--records", str(folder / "changes.jsonl")])
        assert done.exception is None, done.exception
    return home, version_ids(home)[::-1]


def push(remote: Path, versions: Versions, number: int, key: Path | None = None) -> str:
    """Pushes one of them with its checkpoint, and points at it, in place of a signed pointer, too."""
    home, ids = versions
    signing = None if key is None else SigningKey(key)
    pushing = Push(Remote(str(remote)), Traffic(), key=signing, unsigned=key is None)
    pushing.version(read_version(home, ids[number]), checkpoint_folder(Settings().model), current=True)
    return ids[number]
