"""What may be wrong with a release that was fetched, copied or converted: each fault is one file's."""

import gzip
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks.release.picture_names import asked_picture
from indexer.kb.oven import RECORD_FILES

RECORDS, QUESTIONS, MASKS = RECORD_FILES[0], "oven_entity_val.jsonl", "mask_oven_entity_val.json"
PICTURE = asked_picture(0).path  # of the first question in `QUESTIONS`
NO_ENTITY = "Q999999999999"
PAGE = """<!DOCTYPE html>
<html>
<head><title>Sign in</title></head>
<body>
<p>You have to sign in to download this file.</p>
</body>
</html>
"""


class Fault(StrEnum):
    """The faults there are."""

    CUT_RECORDS = "cut-records"
    HTML_RECORDS = "html-records"
    DUPLICATE_RECORD = "duplicate-record"
    MISSING_QUESTIONS = "missing-questions"
    CUT_QUESTIONS = "cut-questions"
    HTML_QUESTIONS = "html-questions"
    DUPLICATE_QUESTION = "duplicate-question"
    UNKNOWN_ENTITY = "unknown-entity"
    MISSING_MASKS = "missing-masks"
    CUT_MASKS = "cut-masks"
    HTML_MASKS = "html-masks"
    HTML_PICTURE = "html-picture"


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 - 5)  # lines may be equally long, and one that is whole shows nothing


def _page(path: Path) -> None:
    path.write_text(PAGE, encoding="ascii")


def _record_again(path: Path) -> None:
    with gzip.open(path) as file:
        first = file.readline()
    with path.open("ab") as raw:
        raw.write(gzip.compress(first, mtime=0))


def _question_again(path: Path) -> None:
    with path.open("r+b") as file:
        first = file.readline()
        file.seek(0, os.SEEK_END)
        file.write(first)


def _entity_that_is_none(path: Path) -> None:
    first, *rest = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([json.dumps(json.loads(first) | {"entity_id": NO_ENTITY}) + "\n", *rest]), encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Spoiling:
    """What a fault does to which file, by its path below the release's folder; the file is not there where None."""

    path: str
    spoil: Callable[[Path], None] | None


SPOILING = {
    Fault.CUT_RECORDS: Spoiling(path=RECORDS, spoil=_cut),
    Fault.HTML_RECORDS: Spoiling(path=RECORDS, spoil=_page),
    Fault.DUPLICATE_RECORD: Spoiling(path=RECORDS, spoil=_record_again),
    Fault.MISSING_QUESTIONS: Spoiling(path=QUESTIONS, spoil=None),
    Fault.CUT_QUESTIONS: Spoiling(path=QUESTIONS, spoil=_cut),
    Fault.HTML_QUESTIONS: Spoiling(path=QUESTIONS, spoil=_page),
    Fault.DUPLICATE_QUESTION: Spoiling(path=QUESTIONS, spoil=_question_again),
    Fault.UNKNOWN_ENTITY: Spoiling(path=QUESTIONS, spoil=_entity_that_is_none),
    Fault.MISSING_MASKS: Spoiling(path=MASKS, spoil=None),
    Fault.CUT_MASKS: Spoiling(path=MASKS, spoil=_cut),
    Fault.HTML_MASKS: Spoiling(path=MASKS, spoil=_page),
    Fault.HTML_PICTURE: Spoiling(path=PICTURE, spoil=_page),
}
