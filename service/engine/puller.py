"""Keeps the folder of index versions at what a remote points at, beside serving; the follower takes over from there."""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from indexer.bundles.errors import PullBusy, Stopped
from indexer.bundles.pull import Pull, prune_pulled
from indexer.bundles.remote import Remote
from indexer.bundles.signing import VerifyKey
from indexer.bundles.traffic import Traffic
from indexer.errors import CorruptIndex, IndexBusy, NoIndex
from indexer.version import Version, read_version
from service.settings import Settings
from service.telemetry.metrics import Metrics
from wikiclip.base.errors import WikiClipError
from wikiclip.base.paths import checkpoints_home

logger = logging.getLogger(__name__)
T = TypeVar("T")

WORKERS = 2  # files at once, beside a service
LOWEST = 19  # of priorities
RETRY_S = 2.0  # while nothing answers
KEPT = 1  # versions beside the current one: the one that answers until it is swapped


class Puller:
    """Pulls from `WIKICLIP_PULL_FROM`. One look at a time; safe on any thread.

    Raises:
        WikiClipError: the address or the key is none.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._key = None if settings.pull_key is None else VerifyKey.read(settings.pull_key)
        self._remote = Remote(settings.pull_from, sleep=self._pause)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._traffic: Traffic | None = None
        self._done = self._total = 0
        self._why: str | None = None

    @property
    def progress(self) -> str:
        """A sentence for who waits until something answers."""
        if self._traffic is not None and self._total:
            return f"Pulling {self._done / 1e9:.1f} of {self._total / 1e9:.1f} GB."
        if self._why is not None:
            return "The index could not be pulled yet, which is tried again; the server's log says why."
        return "Model and index are being loaded."

    def open(self, opened: Callable[[Settings], T]) -> T:
        """Opens the version that is here. Where none is, or a damaged one, it is pulled first, however long that takes.

        Args:
            opened: opens it with settings that name the checkpoint which was pulled along.

        Raises:
            Stopped: the service ends.
            WikiClipError: as `opened`, of anything that no pull mends.
        """
        pause = 0.0
        while True:
            self._pause(pause)
            try:
                return opened(self.with_checkpoint())
            except NoIndex:
                pause = 0.0 if self.look(again=True) else RETRY_S
            except CorruptIndex as error:
                logger.error("%s", error)
                self.look(again=True)
                pause = RETRY_S if pause < RETRY_S else self._settings.pull_s  # what a pull does not mend stays so

    def follow(self, *, answering: str, damaged: bool = False) -> None:
        """Looks once, on a thread that gives way to all others from then on.

        Args:
            answering: the version that does: it is kept, whatever comes after it.
            damaged: whether it was found damaged, so that it is fetched again.
        """
        _give_way()
        with suppress(Stopped):
            self.look(again=damaged, answering=answering)

    def look(self, *, again: bool = False, answering: str | None = None) -> bool:
        """Pulls the version that the remote points at, where it is another than the current one; returns whether
        nothing failed. A failure is logged once.

        Args:
            again: compares also the current one with its checksums, and fetches what is damaged.

        Raises:
            Stopped: the service ends.
        """
        with self._lock:
            self._done = self._total = 0
            self._traffic = traffic = Traffic(
                workers=WORKERS,
                bytes_per_s=self._settings.pull_bytes_per_s,
                watch=self._count_done,
                expect=self._count_total,
                start_worker=_give_way,
            )
            try:
                self._pause(0)
                self._pull(traffic, again=again, answering=answering)
            except PullBusy:  # another process does it, and its version is followed as any
                return False
            except Stopped:
                raise
            except (WikiClipError, OSError) as error:
                self._fail(str(error))
                return False
            finally:
                self._traffic = None
            self._why = None
            return True

    def close(self) -> None:
        """Ends what is on its way, at its next block; the next start goes on with it."""
        self._stop.set()
        if (traffic := self._traffic) is not None:
            traffic.stop()

    def _pull(self, traffic: Traffic, *, again: bool, answering: str | None) -> None:
        home = self._settings.index
        pulling = Pull(self._remote, home, traffic, key=self._key, pictures=self._settings.pull_pictures)
        here = self._here()
        if not again and here is not None and pulling.pointed_at().version == here.id:
            return
        pulled = pulling.version()
        if pulled.changed or pulled.bytes:
            assert pulled.version is not None
            logger.warning("The index version %s was pulled, %.1f MB.", pulled.version.id, pulled.bytes / 1e6)
            self._metrics.pull(taken=True)
            with suppress(IndexBusy):  # the next pull does it
                prune_pulled(home, keep=KEPT, answering=answering)

    def _fail(self, why: str) -> None:
        if why != self._why:
            logger.error("The index could not be pulled, which is tried again: %s", why)
            self._metrics.pull(taken=False)
        self._why = why

    def _here(self, version: str | None = None) -> Version | None:
        with suppress(NoIndex, CorruptIndex):
            return read_version(self._settings.index, version)
        return None

    def with_checkpoint(self, version: str | None = None) -> Settings:
        """The settings, which name the checkpoint that was pulled along with a version; the current one if None."""
        here = self._here(version)
        if here is None or not (checkpoints_home() / here.manifest.model.fingerprint).is_dir():
            return self._settings
        return self._settings.model_copy(update={"model": here.manifest.model.fingerprint})

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped("The service ends.")

    def _count_done(self, count: int) -> None:
        with self._counting:
            self._done += count

    def _count_total(self, count: int) -> None:
        with self._counting:
            self._total += count


def _give_way() -> None:
    """Gives the thread the lowest priority, where the system has one for each."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST)
