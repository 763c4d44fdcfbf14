"""What lives as long as the server: the pipeline, what keeps it at the published index, and what tries it."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import cv2
import torch

from indexer.bundles.errors import Stopped
from indexer.errors import IndexUnreachable
from indexer.reranking import Reranker
from service.engine.pipeline import Pipeline
from service.engine.probe import Probe
from service.engine.puller import Puller
from service.engine.regularly import every
from service.engine.reordering import Show, presented
from service.engine.serving import Follower, Serving, open_serving
from service.errors import Problem, not_loaded
from service.schemas import Readiness, RefusedOut, RefusedWhyOut, Reloaded, RerankerOut
from service.settings import Settings
from service.telemetry.metrics import Metrics
from wikiclip.base.devices import described
from wikiclip.base.errors import WikiClipError
from wikiclip.segmenters import open_segmenter

logger = logging.getLogger(__name__)

RETRY_S = 2.0  # while a server of vectors does not answer


class Runtime:
    """Loads model and index, once, while the server already answers `/healthz`.

    Args:
        show, decoded_elsewhere: of its pipeline.
        version: the index version that is opened first; the published one if None.

    Attributes:
        metrics: what the service tells of itself.
        follower: follows the published index.
        failure: why loading failed, once it did.
        reranker: orders the first candidates anew; None where nothing does, and before it is loaded.
        probe: tries the pipeline; None before it is there.
        puller: pulls index versions; None where none are to be pulled.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        *,
        show: Show = presented,
        decoded_elsewhere: Callable[[], int] = lambda: 0,
        version: str | None = None,
    ) -> None:
        self._show, self._decoded_elsewhere, self._version = show, decoded_elsewhere, version
        self.settings = settings
        self.metrics = metrics
        self.failure: WikiClipError | None = None
        self.probe: Probe | None = None
        self.reranker: Reranker | None = None
        self.puller = Puller(settings, metrics) if settings.pull_from else None
        self._pipeline: Pipeline | None = None
        self._closing, self._waits = threading.Event(), False
        self.follower = Follower(lambda: self.serving, self.swap, settings, self.metrics)

        metrics.watch_readiness(lambda: self.why_not_ready() is None)

    @property
    def is_ready(self) -> bool:
        """Whether model and index are loaded."""
        return self._pipeline is not None

    def why_not_ready(self) -> Problem | None:
        """What `/readyz` answers; None where mentions are linked."""
        return self._not_loaded() if self.probe is None else self.probe.problem

    @property
    def pipeline(self) -> Pipeline:
        """Raises Problem where model and index are not loaded."""
        if self._pipeline is None:
            raise self._not_loaded()
        return self._pipeline

    @property
    def serving(self) -> Serving:
        """What answers now. Raises Problem where nothing is loaded."""
        return self.pipeline.serving

    @property
    def doing(self) -> str | None:
        """A sentence for who waits until something answers; None where model and index are loaded from files."""
        if self._waits:
            return "The server that keeps the index's vectors does not answer; it is asked again and again."
        return None if self.puller is None else self.puller.progress

    def readiness(self) -> Readiness:
        """What `/readyz` tells where it is ready. Raises Problem where nothing is loaded."""
        linker, refused = self.serving.linker, self.follower.refused
        model, index = linker.model, linker.index
        return Readiness(
            status="ready",
            model=model.name,
            fingerprint=model.fingerprint,
            index_version=index.version,
            knowledge_base=index.manifest.knowledge_base,
            entities=len(index),
            pictured=index.pictured,
            sure=self.settings.sure,
            feedback=self.settings.feedback is not None,
            encode=linker.where,
            search=index.where,
            reranker=_shown(self.reranker),
            refused=None if refused is None else RefusedOut(index_version=refused.version),
        )

    async def reload(self) -> Reloaded:
        """Tries the version that is current, also one that was refused before. Raises Problem where none is loaded."""
        version = await asyncio.to_thread(self.follower.look, again=True)
        refused = self.follower.refused
        why = None if refused is None else RefusedWhyOut(index_version=refused.version, why=refused.why)
        return Reloaded(index_version=version, refused=why)

    async def begun(self) -> None:
        """At once: that nothing is loaded yet is an answer."""

    async def keep(self, announce: Callable[[], None] | None) -> None:
        """Loads, then follows the published index and tries the one that answers, until it is cancelled.

        Args:
            announce: called once loading has ended, well or badly.
        """
        try:
            await in_own_thread(self.load)
        except WikiClipError as error:
            logger.error("%s", error)
        finally:
            if announce is not None:
                announce()
        if self.probe is not None:
            await asyncio.gather(
                every(self.settings.follow_s, partial(asyncio.to_thread, self.follower.look)),
                every(self.settings.probe_s, self.probe.look),
                every(self.settings.pull_s if self.puller else 0, partial(in_own_thread, self.pull)),
            )

    def load(self) -> None:
        """Takes seconds. Raises WikiClipError, and keeps it as `failure`."""
        torch.set_num_threads(self.settings.threads)
        cv2.setNumThreads(self.settings.threads)
        try:
            settings = self.settings if self.puller is None else self.puller.with_checkpoint(self._version)
            if self._version is not None:
                serving = open_serving(settings, version=self._version)
            else:
                serving = self._open_once_reached(settings)
            tower = serving.linker.model.vision  # any version that follows has the same
            segmenter = open_segmenter(self.settings.segmenter, tower=tower, device=self.settings.device)
            self.reranker = _open_reranker(self.settings)
        except WikiClipError as error:
            self.failure = error
            raise
        pipeline = Pipeline(
            serving,
            segmenter,
            self.settings,
            self.metrics,
            reranker=self.reranker,
            show=self._show,
            decoded_elsewhere=self._decoded_elsewhere,
        )
        self._pipeline = pipeline
        self.probe = Probe(pipeline, deadline_s=self.settings.deadline_s)
        self._note(serving)

    def _open_once_reached(self, settings: Settings) -> Serving:
        """Opens what is current. A server of its vectors that does not answer is waited for, however long.

        Raises:
            Stopped: the service ends.
            WikiClipError: anything else is in the way.
        """
        while True:
            try:
                return open_serving(settings) if self.puller is None else self.puller.open(open_serving)
            except IndexUnreachable as error:
                if not self._waits:
                    logger.error("%s It is waited for.", error)
                self._waits = True
            if self._closing.wait(RETRY_S):
                raise Stopped("The service ends.")

    def pull(self) -> None:
        """Looks once whether there is something to pull; on a thread of its own, which it gives the lowest priority."""
        if self.puller is not None:
            self.puller.follow(answering=self.serving.version, damaged=self.serving.is_damaged)

    def close(self, *, seconds: float | None = None) -> None:
        """Finishes what was accepted; see `Crew.close`. A pull ends where it is."""
        self._closing.set()
        if self.puller is not None:
            self.puller.close()
        if self._pipeline is not None:
            self._pipeline.close(seconds=seconds)

    def _not_loaded(self) -> Problem:
        return not_loaded(failed=self.failure is not None, what=self.doing)

    def swap(self, serving: Serving) -> None:
        """Lets another version answer from now on."""
        self.pipeline.serving = serving
        self._note(serving)

    def _note(self, serving: Serving) -> None:
        self.metrics.serves(serving.version, len(serving.linker.index))


def _open_reranker(settings: Settings) -> Reranker | None:
    """Raises WikiClipError."""
    if not settings.reranker:
        return None
    return Reranker.open(settings.reranker, k=settings.rerank_k, device=settings.device)


def _shown(reranker: Reranker | None) -> RerankerOut | None:
    if reranker is None:
        return None
    scorer = reranker.scorer
    return RerankerOut(
        model=scorer.name,
        revision=scorer.revision,
        sha256=scorer.sha256,
        k=reranker.k,
        where=described([scorer.device]),
    )


async def in_own_thread(work: Callable[[], None]) -> None:
    """In a thread that ends with it, and with it the threads of OpenMP that helped: `cores.one_thread` says why."""
    pool = ThreadPoolExecutor(1, "load")
    try:
        await asyncio.get_running_loop().run_in_executor(pool, work)
    finally:
        pool.shutdown(wait=False)
