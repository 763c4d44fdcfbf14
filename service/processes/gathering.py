"""The metrics of several processes as those of one service."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from service.telemetry.metrics import Metrics

# What the supervisor alone tells: there is one index version, one swap and one readiness.
OF_SERVICE = ("wikiclip_index", "wikiclip_index_entities", "wikiclip_index_reloads", "wikiclip_ready")
LEAST = ("wikiclip_keys_readable",)  # 1 only where it is for all
COUNTED = ("counter", "histogram")

Sample = tuple[str, dict[str, str], float]
Family = tuple[str, str, str, list[Sample]]  # name, what it says, type


def sampled(metrics: Metrics) -> list[Family]:
    """What a process that is not the supervisor tells."""
    return [family for family in families(metrics) if family[0] not in OF_SERVICE]


def families(metrics: Metrics) -> list[Family]:
    """All that a process counts."""
    return [
        (each.name, each.documentation, each.type, [(one.name, dict(one.labels), one.value) for one in each.samples])
        for each in metrics.registry.collect()
    ]


@dataclass(eq=False)
class Gathered:
    """Families of several processes, added up."""

    _told: dict[str, tuple[str, str]] = field(default_factory=dict)
    _values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = field(default_factory=dict)

    def add(self, told: Iterable[Family], *, ended: bool = False) -> None:
        """Adds what one process tells.

        Args:
            ended: it is no more: what it counted stays, and what it had is gone.
        """
        for name, says, kind, samples in told:
            if ended and kind not in COUNTED:
                continue
            self._told[name] = says, kind
            values = self._values.setdefault(name, {})
            for sample, labels, value in samples:
                key = sample, tuple(sorted(labels.items()))
                if key not in values:
                    values[key] = value
                elif name in LEAST or sample.endswith("_created"):
                    values[key] = min(values[key], value)
                else:
                    values[key] += value

    def collect(self) -> Iterator[Metric]:
        """As a registry does."""
        for name, (says, kind) in self._told.items():
            metric = Metric(name, says, kind)
            for (sample, labels), value in self._values[name].items():
                metric.add_sample(sample, dict(labels), value)
            yield metric

    def families(self) -> list[Family]:
        """What was added, as a process tells it."""
        return [
            (
                name,
                says,
                kind,
                [(sample, dict(labels), value) for (sample, labels), value in self._values[name].items()],
            )
            for name, (says, kind) in self._told.items()
        ]


def text(parts: Sequence[list[Family]]) -> bytes:
    """All of them together, in Prometheus's text format."""
    gathered, registry = Gathered(), CollectorRegistry()
    for part in parts:
        gathered.add(part)
    registry.register(gathered)
    return generate_latest(registry)
