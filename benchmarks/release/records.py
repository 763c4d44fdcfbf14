"""The file of records, in gzip members of some records each, one after the other, as the format allows.

A run that was stopped goes on after the last whole member.
"""

import gzip
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from os import sched_getaffinity
from pathlib import Path

from tqdm import tqdm

from benchmarks.release.words import words
from wikiclip.base.files import sync, write_text

MEMBER_RECORDS = 4096
COMPRESSION = 1  # the file is read once or twice


def write_records(path: Path, *, records: int, seed: int = 0, member_records: int = MEMBER_RECORDS) -> None:
    """Writes the file, which gets its name once it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The name says what is inside, so that a run never goes on with what another began.
    partial = path.with_name(f"{path.name}.{records}-{seed}-{member_records}.partial")
    note = partial.with_suffix(".members")
    members = [
        Member(first=first, count=min(member_records, records - first), seed=seed)
        for first in range(0, records, member_records)
    ]
    words()  # read before processes are forked, so that they need not read it
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
    note.unlink()
    partial.replace(path)


@dataclass(frozen=True, kw_only=True)
class Member:
    """A stretch of the records, which its own numbers settle."""

    first: int
    count: int
    seed: int


def _packed(member: Member) -> bytes:
    lines = (
        json.dumps(words().record(number, seed=member.seed), ensure_ascii=False) + "\n"
        for number in range(member.first, member.first + member.count)
    )
    return gzip.compress("".join(lines).encode(), COMPRESSION, mtime=0)
