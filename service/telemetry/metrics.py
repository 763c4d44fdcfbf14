"""What the service tells Prometheus: each stage's time, queue and batches, pictures kept, requests, index versions."""

from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Protocol

from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
ITEMS = (1, 2, 4, 8, 16, 32, 64, 128)

__all__ = ["CONTENT_TYPE", "Metrics"]


class StageWatch(Protocol):
    """Is told what a stage's batch weighed and how long it took."""

    def __call__(self, *, weight: int, seconds: float) -> None: ...


class Queue(Protocol):
    """What has jobs waiting."""

    @property
    def waiting(self) -> int: ...


class Keys(Protocol):
    """A file of keys, which may have become unreadable."""

    fault: str | None

    def read_again(self) -> None: ...


class Metrics:
    """One service's metrics, in a registry of their own: a process may hold several services.

    Attributes:
        registry: theirs.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._stage = Histogram(
            "wikiclip_stage_seconds", "Work on a batch.", ["stage"], buckets=SECONDS, registry=registry
        )
        self._batch = Histogram(
            "wikiclip_batch_items", "Requests or mentions in a batch.", ["stage"], buckets=ITEMS, registry=registry
        )
        self._queue = Gauge("wikiclip_queue_depth", "Requests that wait for a stage.", ["stage"], registry=registry)
        self._pictures = Counter(
            "wikiclip_pictures",
            "Pictures asked about, by whether they were decoded lately.",
            ["cached"],
            registry=registry,
        )
        requests = Counter("wikiclip_requests", "Answers, by route and status.", ["route", "status"], registry=registry)
        seconds = Histogram(
            "wikiclip_request_seconds",
            "From a request's head to its answer.",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        # Looking a child up takes longer than counting.
        self._answers = cache(lambda route, status: (requests.labels(route, str(status)), seconds.labels(route)))
        self._index = Info("wikiclip_index", "The index version that answers.", registry=registry)
        self._entities = Gauge("wikiclip_index_entities", "Entities in it.", registry=registry)
        self._reloads = Counter(
            "wikiclip_index_reloads", "Index versions that were taken over or refused.", ["outcome"], registry=registry
        )
        self._pulls = Counter(
            "wikiclip_index_pulls", "Index versions that were pulled, or failed to be.", ["outcome"], registry=registry
        )
        self._bodies = Gauge("wikiclip_body_bytes", "Bytes of bodies that are held.", registry=registry)
        for outcome in ("taken", "refused"):
            self._reloads.labels(outcome)
        for outcome in ("taken", "failed"):
            self._pulls.labels(outcome)
        for cached in ("yes", "no"):
            self._pictures.labels(cached)

    def of_stage(self, name: str) -> StageWatch:
        """What a stage tells of its batches."""
        seconds_of, items_of = self._stage.labels(name), self._batch.labels(name)

        def watch(*, weight: int, seconds: float) -> None:
            seconds_of.observe(seconds)
            items_of.observe(weight)

        return watch

    def watch_queue(self, name: str, queue: Queue) -> None:
        """Asks a stage how many wait, whenever the metrics are read."""
        self._queue.labels(name).set_function(lambda: queue.waiting)

    def pictures(self, *, from_cache: bool) -> None:
        """Counts a picture."""
        self._pictures.labels("yes" if from_cache else "no").inc()

    def request(self, route: str, status: int, seconds: float) -> None:
        """Counts an answer. Routes are patterns, of which there are few."""
        answers, seconds_of = self._answers(route, status)
        answers.inc()
        seconds_of.observe(seconds)

    def serves(self, version: str, entities: int) -> None:
        """Names the index version that answers from now on."""
        self._index.info({"version": version})
        self._entities.set(entities)

    def reload(self, *, taken: bool) -> None:
        """Counts an index version that was looked at."""
        self._reloads.labels("taken" if taken else "refused").inc()

    def pull(self, *, taken: bool) -> None:
        """Counts an index version that was pulled, or a new reason why none could be."""
        self._pulls.labels("taken" if taken else "failed").inc()

    def bodies(self, held: int) -> None:
        """Notes the bytes of bodies that are held."""
        self._bodies.set(held)

    def watch_readiness(self, is_ready: Callable[[], bool]) -> None:
        """Asks whether the service is ready, whenever the metrics are read."""
        gauge = Gauge("wikiclip_ready", "1 where mentions are linked, as /readyz says, else 0.", registry=self.registry)
        gauge.set_function(is_ready)

    def watch_keys(self, keys: Keys) -> None:
        """Asks whether the file of keys can be read, whenever the metrics are read."""

        def readable() -> int:
            keys.read_again()
            return int(keys.fault is None)

        gauge = Gauge(
            "wikiclip_keys_readable", "1 where the keys are those of the file, else 0.", registry=self.registry
        )
        gauge.set_function(readable)

    def watch_processes(self, kinds: Iterable[str], alive: Callable[[str], int]) -> Callable[[str], None]:
        """Asks how many processes of each kind there are, whenever the metrics are read; returns what counts those
        that were started again."""
        running = Gauge(
            "wikiclip_processes", "Processes that are there, by what they do.", ["kind"], registry=self.registry
        )
        restarts = Counter(
            "wikiclip_process_restarts", "Processes that were started again.", ["kind"], registry=self.registry
        )
        for kind in kinds:
            running.labels(kind).set_function(partial(alive, kind))
            restarts.labels(kind)
        return lambda kind: restarts.labels(kind).inc()

    def text(self) -> bytes:
        """All of them, in Prometheus's text format."""
        return generate_latest(self.registry)
