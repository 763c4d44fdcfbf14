"""Knowledge bases: where entities come from."""

from enum import StrEnum
from pathlib import Path

from indexer.kb.jsonl import JsonLines
from indexer.kb.oven import Oven
from indexer.kb.record import BadRecord, Entity, KnowledgeBase
from indexer.kb.wordnet import WordNet
from wikiclip.base.errors import WikiClipError
from wikiclip.base.paths import debian_root

__all__ = ["BadRecord", "Entity", "KnowledgeBase", "KnowledgeBaseName", "open_kb"]


class KnowledgeBaseName(StrEnum):
    """The knowledge bases that can be built."""

    WORDNET = "wordnet"
    JSONL = "jsonl"
    OVEN = "oven"


def open_kb(name: KnowledgeBaseName, *, records: Path | None = None, images: Path | None = None) -> KnowledgeBase:
    """Opens a knowledge base.

    Args:
        records: its record file; required for `jsonl`, found by itself for the others if None.
        images: its folder of pictures; see each knowledge base for what it takes if None.

    Raises:
        WikiClipError: something it needs is missing, or an option does not apply to it.
    """
    match name:
        case KnowledgeBaseName.WORDNET:
            if records or images:
                raise WikiClipError(
                    "--records and --images do not apply to --kb wordnet, whose files `make demo-data` fetches."
                )
            return WordNet(debian_root())
        case KnowledgeBaseName.JSONL:
            if records is None:
                raise WikiClipError(
                    "--kb jsonl needs --records FILE: one JSON object a line with entity_id, title and text."
                )
            return JsonLines(records, images=images)
        case KnowledgeBaseName.OVEN:
            return Oven(records, images=images)
