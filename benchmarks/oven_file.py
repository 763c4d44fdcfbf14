"""A file of OVEN's exact shape, to run a build at its full size: `python -m benchmarks.oven_file`.

The words are WordNet's, joined at random; keys, ids, lengths and the share of pictures are like the release's. Gzip
members of some records each follow one another in one file, as the format allows: a run that was stopped goes on after
the last whole member.
"""

import gzip
import json
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from os import sched_getaffinity
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from benchmarks import benchmarks_home
from indexer.kb.nouns import WORDNET, Nouns, Synset, read_nouns
from indexer.kb.oven import RECORD_FILES, RELEASED_RECORDS
from wikiclip.base.command import run
from wikiclip.base.files import sync, write_text
from wikiclip.base.paths import debian_root

MEMBER_RECORDS = 4096
WITH_PICTURE = 2_032_340 / RELEASED_RECORDS
WITHOUT_SUMMARY = 0.02
IDS_APART = 19  # 6,063,945 ids spread up to some Q115,000,000, as Wikidata's are
SUMMARY_SENTENCES = (1, 6)
CONTENT_SENTENCES = 12.0  # the mean of a long-tailed number
MOST_SENTENCES = 400
COMPRESSION = 1  # the file is read once or twice
app = typer.Typer(add_completion=False)


@app.command()
def oven_file(
    records: Annotated[int, typer.Option(min=1, help="Records to write.")] = RELEASED_RECORDS,
    out: Annotated[
        Path | None, typer.Option(help=f"The file; {RECORD_FILES[0]} in var/benchmarks/oven if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed gives other records.")] = 0,
) -> None:
    """Write the file. A run that was stopped goes on where it was."""
    path = out or benchmarks_home() / "oven" / RECORD_FILES[0]
    write_oven_file(path, records=records, seed=seed)
    typer.echo(f"{path}: {records:,} records, {path.stat().st_size / 1e9:.2f} GB.")


def write_oven_file(path: Path, *, records: int, seed: int = 0, member_records: int = MEMBER_RECORDS) -> None:
    """Writes the file, which gets its name once it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The name says what is inside, so that a run never goes on with what another began.
    partial = path.with_name(f"{path.name}.{records}-{seed}-{member_records}.partial")
    note = partial.with_suffix(".members")
    members = [
        Member(first=first, count=min(member_records, records - first), seed=seed)
        for first in range(0, records, member_records)
    ]
    _words(debian_root() / WORDNET)  # read before processes are forked, so that they need not read it
    done, size = map(int, note.read_text().split()) if note.exists() and partial.exists() else (0, 0)
    with (
        partial.open("r+b" if done else "wb") as file,
        tqdm(total=records, initial=done * member_records, unit=" records", desc=path.name) as bar,
        ProcessPoolExecutor(len(sched_getaffinity(0))) as pool,
    ):
        file.truncate(size)
        file.seek(size)
        for start in range(done, len(members), 64):
            stretch = members[start : start + 64]
            for member, packed in zip(stretch, pool.map(_packed, stretch), strict=True):
                file.write(packed)
                bar.update(member.count)
            file.flush()
            sync(partial)
            write_text(note, f"{start + len(stretch)} {file.tell()}")
    partial.replace(path)
    note.unlink()


@dataclass(frozen=True, kw_only=True)
class Member:
    """A stretch of the records, which its own numbers settle."""

    first: int
    count: int
    seed: int


def _packed(member: Member) -> bytes:
    words = _words(debian_root() / WORDNET)
    lines = (
        json.dumps(words.record(number, seed=member.seed), ensure_ascii=False) + "\n"
        for number in range(member.first, member.first + member.count)
    )
    return gzip.compress("".join(lines).encode(), COMPRESSION, mtime=0)


class Words:
    """Makes records of WordNet's words."""

    def __init__(self, nouns: Nouns) -> None:
        self._nouns = nouns
        self._synsets = list(nouns.synsets.values())

    def record(self, number: int, *, seed: int) -> dict[str, str | None]:
        """The record of that number; its title and its id are no other's."""
        draw = random.Random(f"{seed} {number}")
        about, beside = self._synset(draw), self._synset(draw)
        title = f"{beside.lemmas[0]} {about.lemmas[0]}"
        title = f"{title[:1].upper()}{title[1:]} ({number + 1})"
        summary = self._sentences(draw, int(draw.uniform(*SUMMARY_SENTENCES)), first=about, title=title)
        more = min(MOST_SENTENCES, int(draw.expovariate(1 / CONTENT_SENTENCES)))
        # A release's ids do not ascend by one, and neighbours in the file are not neighbours there.
        entity_id = f"Q{number * IDS_APART + 1 + int(draw.random() * IDS_APART)}"
        return {
            "wikidata_id": entity_id,
            "wikipedia_title": title,
            "wikipedia_summary": "" if draw.random() < WITHOUT_SUMMARY else summary,
            "wikipedia_content": f"{summary}\n\n{self._sentences(draw, more, first=beside, title=title)}",
            "wikipedia_image_url": f"https://upload.wikimedia.org/wikipedia/commons/{entity_id}.jpg"
            if draw.random() < WITH_PICTURE
            else None,
        }

    def _sentences(self, draw: random.Random, count: int, *, first: Synset, title: str) -> str:
        said = [first, *(self._synset(draw) for _ in range(count))]
        return f"{title} is " + " ".join(self._sentence(synset) for synset in said)

    def _sentence(self, synset: Synset) -> str:
        kinds = [parent.lemmas[0] for parent in islice(self._nouns.ancestors(synset.synset_id), 2)]
        named = f", a kind of {' and '.join(kinds)}" if kinds else ""
        return f"{synset.gloss}{named}, which is also called {' or '.join(synset.lemmas)}."

    def _synset(self, draw: random.Random) -> Synset:
        return _one_of(draw, self._synsets)


@lru_cache(maxsize=1)
def _words(folder: Path) -> Words:
    return Words(read_nouns(folder))


def _one_of(draw: random.Random, choices: Sequence[Synset]) -> Synset:
    return choices[int(draw.random() * len(choices))]


if __name__ == "__main__":
    run(app)
