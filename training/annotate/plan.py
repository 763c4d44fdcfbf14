"""The plan of an annotation: what settles every mask, so that one that was stopped can go on and one that was done need
not be done again."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from training.annotate.filters.sort_of import fingerprint as types_fingerprint
from training.annotate.filters.thresholds import Thresholds
from training.annotate.references.templates import fingerprint as templates_fingerprint

ANNOTATE_VERSION = 1  # counts up with each change to how labels become masks, or to how chunks keep them
CHUNK_LABELS = 64


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Two annotations with equal plans give equal files.

    Attributes:
        labels: their source's fingerprint.
        kinds: the fingerprint of what knows what entities are.
        model: the fingerprint of the model that segmenters look with.
        index: the version that entities' vectors come from; None where there is none.
        segmenters: what each was opened as, the first first.
        chunk_labels: labels a chunk; what a crash may lose.
    """

    labels: str
    kinds: str
    model: str
    index: str | None
    segmenters: tuple[str, ...]
    thresholds: Thresholds = field(default_factory=Thresholds)
    templates: str = field(default_factory=templates_fingerprint)
    types: str = field(default_factory=types_fingerprint)
    chunk_labels: int = CHUNK_LABELS
    format: int = ANNOTATE_VERSION

    @property
    def id(self) -> str:
        """Names the plan; short enough for a folder."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    def to_json(self) -> str:
        told: dict[str, Any] = asdict(self)
        return json.dumps(told, indent=2, sort_keys=True) + "\n"
