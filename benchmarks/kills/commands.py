"""The commands that change an index, drawn at random, with what should be found after each."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kills.records import Content, some_gone, some_new, write_records
from indexer.version import version_ids
from wikiclip.base.files import write_text

KINDS = ("exact", "balanced", "compact")
MOST_VERSIONS = 6  # from which on old ones are removed
UNFINISHED = "--unfinished"


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command line.

    Attributes:
        name: such as "rollback".
        module: such as "indexer.versions".
        arguments: without the folder of the versions.
        content: what the current version holds afterwards.
        version: the place of the version that it names, counted from the oldest; None where it names none.
        repeatable: whether it changes nothing where it was done before.
    """

    name: str
    module: str
    arguments: Sequence[str]
    content: Content
    version: int | None = None
    repeatable: bool = True

    def line(self, home: Path) -> list[str]:
        """The arguments for a folder; a version has another name in each."""
        named = [] if self.version is None else [version_ids(home)[::-1][self.version]]
        return [*self.arguments, *named, "--out", str(home)]


class Drawing:
    """Draws one command after the other, each on what the one before left.

    Args:
        folder: for files of records; the pictures lie in `pictures` below it.
        source: what the knowledge base holds.
    """

    def __init__(self, folder: Path, draw: random.Random, source: Content) -> None:
        self._folder, self._draw, self._source = folder, draw, source
        self._files = 0

    def build(self, *, kind: str | None = None, change: bool = True) -> Command:
        """The knowledge base as it is, or changed since the last time."""
        if change:
            gone = some_gone(self._source, self._draw)
            kept = {entity_id: text for entity_id, text in self._source.items() if entity_id not in gone}
            self._source = {**kept, **some_new(kept, self._draw)}
        options = ["--kb", "jsonl", "--index", kind or self._draw.choice(KINDS), *self._records(self._source)]
        options.append("--discard-updates")  # of the commands before
        return Command(name="build", module="indexer.build", arguments=options, content=self._source)

    def update(self, current: Content) -> Command:
        """Adds, replaces and removes; or removes only."""
        gone = some_gone(current, self._draw)
        content = {entity_id: text for entity_id, text in current.items() if entity_id not in gone}
        options = ["--delete", str(self._listed(gone))]
        if self._draw.random() < 0.8:
            new = some_new(current, self._draw)
            content |= new
            options += self._records(new)
        return Command(name="update", module="indexer.update", arguments=options, content=content)

    def rollback(self, contents: Sequence[Content], current: int) -> Command:
        """To the version before the current one, or to any that it names."""
        named = self._draw.random() < 0.5 or current == 0
        place = self._draw.randrange(len(contents)) if named else current - 1
        return Command(
            name="rollback",
            module="indexer.versions",
            arguments=["rollback"],
            content=contents[place],
            version=place if named else None,
            repeatable=named,
        )

    def prune(self, content: Content, *, keep: int | None = None, unfinished: bool | None = None) -> Command:
        """Removes old versions, and what was not finished where that is asked for."""
        options = ["prune", "--keep", str(self._draw.randint(0, 2) if keep is None else keep)]
        if self._draw.random() < 0.5 if unfinished is None else unfinished:
            options.append(UNFINISHED)
        return Command(name="prune", module="indexer.versions", arguments=options, content=content)

    def next(self, contents: Sequence[Content], current: int) -> Command:
        """Any of them.

        Args:
            contents: of the versions, the oldest first.
            current: which of them is current.
        """
        name = self._draw.choices(("build", "update", "rollback", "prune"), (3, 5, 2, 2))[0]
        if name == "prune" or len(contents) > MOST_VERSIONS:
            return self.prune(contents[current])
        if name == "build":
            return self.build(change=self._draw.random() < 0.7)
        if name == "update":
            return self.update(contents[current])
        return self.rollback(contents, current)

    def _records(self, content: Content) -> list[str]:
        path = write_records(content, self._file("jsonl"))
        return ["--records", str(path), "--images", str(self._folder / "pictures")]

    def _listed(self, ids: Sequence[str]) -> Path:
        path = self._file("txt")
        write_text(path, "".join(f"{entity_id}\n" for entity_id in ids))
        return path

    def _file(self, suffix: str) -> Path:
        self._files += 1
        return self._folder / f"{self._files:03d}.{suffix}"
