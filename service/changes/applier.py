"""Applies what waits: changes in turn become one update, by the code of `indexer.update`, and a version.

The version notes which changes it holds and what became of them. So whoever comes after a crash finds each change
either in the current version, or waiting: none is lost, and none is applied twice.
"""

import json
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from indexer.embedding.plan import workshop_of
from indexer.errors import CorruptIndex, IndexBusy, NothingLeft, NothingToDo
from indexer.kb.jsonl import JsonLines
from indexer.kinds.milvus.server import MilvusServer
from indexer.kinds.milvus.upkeep import follow_with_alias
from indexer.records.records import Records
from indexer.update import DELETIONS, Changes, changed, embedded, kind_to_change, planned
from indexer.updating.notes import Outcome, read_updates
from indexer.updating.unnamed import remove_unnamed
from indexer.version import Version, only_builder, publish, read_version, version_ids
from service.changes.change import UNKNOWN, Change
from service.changes.joining import RECORDS, Joined, join
from service.changes.journal import WORK, Done, Journal
from service.changes.work import Work
from wikiclip.base.errors import WikiClipError, first_line
from wikiclip.base.files import remove_folder, write_text
from wikiclip.base.text_files import read_text
from wikiclip.model import WikiClip

logger = logging.getLogger(__name__)

TAKEN = "TAKEN"  # which changes are under way
BYTES = 2**26  # of changes that are joined: one that is larger is applied alone
KEPT = 8  # versions that changes made and others followed: who opens one takes a moment, and meanwhile more may come
IDLE_S = 60.0  # without a change, after which the process ends
LOOK_S, BUSY_S, LONGEST_S = 0.2, 1.0, 60.0
QUIET_S, SWEPT_S = 10.0, 600.0  # without a change, or since the last time, after which pictures are looked through
TRIES = 3  # of a change that fails alone, for a reason that nobody foresaw


class Applier:
    """Applies the changes of one index's folder, in a process that does nothing else."""

    def __init__(self, work: Work) -> None:
        self._work, self._home = work, work.index
        self._journal = Journal(work.index)
        self._most, self._tries = work.most, 0
        self._give_up = work.give_up
        self._changed, self._swept = True, time.monotonic()
        self._milvus = (
            MilvusServer(work.milvus_uri, work.milvus_token, work.milvus_timeout_s) if work.milvus_uri else None
        )

    @property
    def _desk(self) -> Path:
        """The folder of what is under way; it stays where the process is killed, and the next one goes on with it."""
        return self._journal.folder / WORK

    @cached_property
    def _model(self) -> WikiClip:
        return WikiClip.load(self._work.model)

    def run(self) -> None:
        """Applies what comes, until for a while nothing does."""
        idle_since, pause = time.monotonic(), LOOK_S
        while time.monotonic() - idle_since < IDLE_S:
            if self._journal.waiting():
                pause = self._step(pause)
                idle_since = time.monotonic()
            else:
                pause = LOOK_S
            quiet_s, since_s = time.monotonic() - idle_since, time.monotonic() - self._swept
            if self._changed and (quiet_s > QUIET_S or since_s > SWEPT_S):
                self._sweep()
            time.sleep(pause)

    def _step(self, pause: float) -> float:
        """Applies once; returns the seconds after which to look again."""
        try:
            with only_builder(self._home):
                self.apply()
        except IndexBusy:  # by another service, or a build
            return BUSY_S
        except (WikiClipError, OSError) as error:
            self._trouble(str(error))
            self._most = 1  # so that the others are done if it is one change's fault
            return min(LONGEST_S, 2 * max(pause, 0.5))
        self._journal.note_trouble(None)
        return LOOK_S

    def apply(self) -> None:
        """Applies as many changes as are joined, and says what became of each. The folder is held.

        Raises:
            WikiClipError, OSError: nothing can be applied at present.
        """
        base = read_version(self._home)
        self._finish_what_was_published(base)
        ids = self._next()
        if not ids:
            return
        changes, marks = self._read(ids)
        try:
            if self._give_up:
                self._give_up = False
                self._fail(ids[0], changes.get(ids[0]), "the process that applied it died of it, again and again")
                return
            self._apply(base, changes, marks)
        except NothingLeft as error:
            self._one_by_one(changes, str(error))
        except (WikiClipError, OSError):
            raise
        except Exception as error:
            logger.exception("changes could not be applied")
            self._tries += 1
            if len(changes) > 1 or self._tries >= TRIES:
                self._tries = 0
                self._one_by_one(changes, f"{type(error).__name__}: {first_line(error)}")
        else:
            self._tries = 0
            self._most = min(self._work.most, 2 * self._most)
        self._journal.tidy()

    def _next(self) -> list[str]:
        """The ids of what is joined next: of what a process that was killed was at the same ones, so that what it had
        embedded serves."""
        waiting = self._journal.waiting()
        with suppress(WikiClipError):
            before = read_text(self._desk / TAKEN).split()
            if before == waiting[: len(before)] and 0 < len(before) <= self._most:
                return before
        taken: list[str] = []
        bytes_ = 0
        for change_id in waiting[: self._most]:
            bytes_ += self._journal.size(change_id)
            if taken and bytes_ > BYTES:
                break
            taken.append(change_id)
        return taken

    def _read(self, ids: Sequence[str]) -> tuple[dict[str, Change], dict[str, str]]:
        """Those that can be read, and their marks; others are told of as failed."""
        changes, marks = {}, {}
        for change_id in ids:
            try:
                changes[change_id], marks[change_id] = self._journal.read(change_id)
            except ValueError as error:
                logger.error("The change %s is damaged: %s", change_id, first_line(error))
                self._fail(change_id, None, "its file was damaged")
        return changes, marks

    def _apply(self, base: Version, changes: dict[str, Change], marks: dict[str, str]) -> None:
        joined = join(changes, Records(base), self._journal.pictures, marks=marks)
        if not joined.lines and not joined.gone:
            self._finish(changes, joined.outcomes(), base)
            remove_folder(self._desk)
            return
        kind = kind_to_change(base, self._milvus)
        work = self._desk
        work.mkdir(parents=True, exist_ok=True)
        write_text(work / TAKEN, "".join(f"{change_id}\n" for change_id in changes))
        update = Changes(work / DELETIONS, None, [], [])
        if joined.lines:
            update = self._embedded(base, joined)
        outcomes = joined.outcomes(update.problems)
        gone = list(joined.gone)
        try:
            folder, manifest = changed(base, update, gone, kind, strict=False, outcomes=outcomes)
        except NothingToDo:  # no record of theirs could be embedded
            self._finish(changes, outcomes, base)
            remove_folder(work)
            return
        version = publish(folder, manifest, self._home)
        follow_with_alias(version, self._milvus)
        self._finish(changes, outcomes, version)
        self._changed = True
        self._prune(version)
        remove_folder(work)

    def _embedded(self, base: Version, joined: Joined) -> Changes:
        work, pictures = self._desk, self._journal.pictures
        pictures.mkdir(exist_ok=True)
        records = work / RECORDS
        records.write_bytes(b"".join(_line(line) for line in joined.lines.values()))
        source = planned(JsonLines(records, images=pictures), self._model, base)
        for other in {*work.glob("building/*")} - {workshop_of(source.plan, work)}:
            remove_folder(other)  # of changes that were joined in another way
        return embedded(source, work, self._work.device, False)

    def _finish_what_was_published(self, base: Version) -> None:
        """Of a process that was killed after it had published."""
        outcomes = read_updates(base).outcomes()
        known = {change_id for change_id, _ in outcomes}
        for change_id in self._journal.waiting():
            if change_id not in known:
                continue
            with suppress(ValueError):  # of a damaged one nobody knows whether it is the one that was published
                change, mark = self._journal.read(change_id)
                if (outcome := outcomes.get((change_id, mark))) is not None:
                    remove_folder(self._desk)
                    self._finish({change_id: change}, [outcome], base)

    def _finish(self, changes: dict[str, Change], outcomes: Sequence[Outcome], version: Version) -> None:
        for outcome in outcomes:
            head = changes[outcome.change].head
            done = Done(
                head=head,
                state="done" if outcome.put or outcome.removed else "failed",
                index_version=version.id if outcome.put or outcome.removed else None,
                finished=_now(),
                put=outcome.put,
                removed=outcome.removed,
                faults=outcome.faults,
                more_faults=outcome.more_faults,
            )
            self._journal.finish(outcome.change, done)

    def _one_by_one(self, changes: dict[str, Change], why: str) -> None:
        """What cannot be done together is tried each by itself; what cannot be done by itself has failed."""
        if len(changes) > 1:
            self._most = 1
            return
        for change_id, change in changes.items():
            self._fail(change_id, change, why)

    def _fail(self, change_id: str, change: Change | None, why: str) -> None:
        head = UNKNOWN if change is None else change.head
        done = Done(head=head, state="failed", index_version=None, finished=_now(), put=0, removed=0, faults=(why,))
        self._journal.finish(change_id, done)

    def _prune(self, current: Version) -> None:
        """Removes versions that changes made, but for the last ones: what a build or a command made stays."""
        for name in version_ids(self._home)[1 + KEPT :]:
            if name == current.id:
                continue
            with suppress(CorruptIndex):
                version = read_version(self._home, name)
                last = read_updates(version).last
                if last and last[-1].outcomes:
                    remove_folder(version.folder)

    def _sweep(self) -> None:
        """Removes pictures that nothing names any more."""
        try:
            with only_builder(self._home):
                remove_unnamed(self._home)
        except IndexBusy:
            return
        except (WikiClipError, OSError) as error:
            logger.warning("Pictures that nothing may name any more stay: %s", error)
        self._changed, self._swept = False, time.monotonic()

    def _trouble(self, why: str) -> None:
        if why != self._journal.trouble():
            logger.error("Changes wait: %s", why)
            with suppress(OSError):
                self._journal.note_trouble(why)


def _line(record: dict[str, Any]) -> bytes:
    """As short as it came: escaped, a line may be three times as long, and too long to be read."""
    try:
        return json.dumps(record, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can be
        return json.dumps(record).encode() + b"\n"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
