"""What lives as long as the server: the pipeline, what keeps it at the published index, and what tries it."""

import cv2
import torch

from indexer.reranking import Reranker
from service.engine.pipeline import Pipeline
from service.engine.probe import Probe
from service.engine.puller import Puller
from service.engine.serving import Follower, Serving, open_serving
from service.errors import Cause, Problem
from service.settings import Settings
from service.telemetry.metrics import Metrics
from wikiclip.base.errors import WikiClipError
from wikiclip.segmenters import open_segmenter


class Runtime:
    """Loads model and index, once, while the server already answers `/healthz`.

    Attributes:
        metrics: what the service tells of itself.
        follower: follows the published index.
        failure: why loading failed, once it did.
        reranker: orders the first candidates anew; None where nothing does, and before it is loaded.
        probe: tries the pipeline; None before it is there.
        puller: pulls index versions; None where none are to be pulled.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.failure: WikiClipError | None = None
        self.probe: Probe | None = None
        self.reranker: Reranker | None = None
        self.puller = Puller(settings, metrics) if settings.pull_from else None
        self._pipeline: Pipeline | None = None
        self.follower = Follower(lambda: self.serving, self._swap, settings, self.metrics)

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

    def load(self) -> None:
        """Takes seconds. Raises WikiClipError, and keeps it as `failure`."""
        torch.set_num_threads(self.settings.threads)
        cv2.setNumThreads(self.settings.threads)
        try:
            serving = open_serving(self.settings) if self.puller is None else self.puller.open(open_serving)
            tower = serving.linker.model.vision  # any version that follows has the same
            segmenter = open_segmenter(self.settings.segmenter, tower=tower, device=self.settings.device)
            self.reranker = _open_reranker(self.settings)
        except WikiClipError as error:
            self.failure = error
            raise
        pipeline = Pipeline(serving, segmenter, self.settings, self.metrics, reranker=self.reranker)
        self._pipeline = pipeline
        self.probe = Probe(pipeline, deadline_s=self.settings.deadline_s)
        self._note(serving)

    def pull(self) -> None:
        """Looks once whether there is something to pull; on a thread of its own, which it gives the lowest priority."""
        if self.puller is not None:
            self.puller.follow(damaged=self.serving.is_damaged)

    def close(self, *, seconds: float | None = None) -> None:
        """Finishes what was accepted; see `Crew.close`. A pull ends where it is."""
        if self.puller is not None:
            self.puller.close()
        if self._pipeline is not None:
            self._pipeline.close(seconds=seconds)

    def _not_loaded(self) -> Problem:
        if self.failure is not None:
            return Problem(Cause.NOT_READY, "Model or index could not be loaded; the server's log says why.")
        what = "Model and index are being loaded." if self.puller is None else self.puller.progress
        return Problem(Cause.NOT_READY, what, headers={"Retry-After": "2"})

    def _swap(self, serving: Serving) -> None:
        self.pipeline.serving = serving
        self._note(serving)

    def _note(self, serving: Serving) -> None:
        self.metrics.serves(serving.version, len(serving.linker.index))


def _open_reranker(settings: Settings) -> Reranker | None:
    """Raises WikiClipError."""
    if not settings.reranker:
        return None
    return Reranker.open(settings.reranker, k=settings.rerank_k, device=settings.device)
