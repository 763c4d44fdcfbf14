"""Embedding in this process, on all devices of this machine."""

from collections.abc import Callable
from pathlib import Path

from indexer.embedding.chunks import stored_numbers
from indexer.embedding.embed import embed, every
from indexer.embedding.plan import Plan
from indexer.embedding.replicas import open_replicas
from indexer.kb.oven import Oven
from indexer.kb.record import KnowledgeBase
from wikiclip.base.machine import DeviceChoice
from wikiclip.model import WikiClip


class Local:
    """Makes chunks here.

    Args:
        mine: whether the chunk of a number is made here; all are if left out.
    """

    def __init__(self, model: WikiClip, device: DeviceChoice, *, mine: Callable[[int], bool] = every) -> None:
        self._model, self._device, self._mine = model, device, mine

    def embed(self, source: KnowledgeBase, plan: Plan, workshop: Path, *, strict: bool) -> int:
        """Makes them with a progress bar; see `indexer.embedding.embed.embed`."""
        expect_whole(source, workshop)
        replicas = open_replicas(self._model, self._device)
        return embed(source, replicas, plan, workshop, strict=strict, mine=self._mine)


def expect_whole(source: KnowledgeBase, workshop: Path) -> None:
    """Raises WikiClipError where OVEN's record file was cut off. It is read for that before the first chunk is made."""
    if isinstance(source, Oven) and not stored_numbers(workshop):
        source.expect_whole()
