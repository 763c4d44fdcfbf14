"""What lives as long as the server: the pipeline, and what keeps it at the published index."""

import cv2
import torch

from service.engine.pipeline import Pipeline
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
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.failure: WikiClipError | None = None
        self._pipeline: Pipeline | None = None
        self.follower = Follower(lambda: self.serving, self._swap, settings, self.metrics)

    @property
    def is_ready(self) -> bool:
        return self._pipeline is not None

    @property
    def pipeline(self) -> Pipeline:
        """Raises Problem where model and index are not loaded."""
        if self._pipeline is not None:
            return self._pipeline
        if self.failure is not None:
            raise Problem(Cause.NOT_READY, "Model or index could not be loaded; the server's log says why.")
        raise Problem(Cause.NOT_READY, "Model and index are being loaded.", headers={"Retry-After": "2"})

    @property
    def serving(self) -> Serving:
        """What answers now. Raises Problem where nothing is loaded."""
        return self.pipeline.serving

    def load(self) -> None:
        """Takes seconds. Raises WikiClipError, and keeps it as `failure`."""
        torch.set_num_threads(self.settings.threads)
        cv2.setNumThreads(self.settings.threads)
        try:
            segmenter = open_segmenter(self.settings.segmenter)
            serving = open_serving(self.settings)
        except WikiClipError as error:
            self.failure = error
            raise
        pipeline = Pipeline(serving, segmenter, self.settings, self.metrics)
        self._pipeline = pipeline
        self._note(serving)

    def close(self, *, seconds: float | None = None) -> None:
        """Finishes what was accepted; see `Crew.close`."""
        if self._pipeline is not None:
            self._pipeline.close(seconds=seconds)

    def _swap(self, serving: Serving) -> None:
        self.pipeline.serving = serving
        self._note(serving)

    def _note(self, serving: Serving) -> None:
        self.metrics.serves(serving.version, len(serving.linker.index))
