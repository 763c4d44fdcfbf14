"""Knowledge bases: where entities come from."""

from enum import StrEnum
from pathlib import Path

from indexer.kb.encyclopedic_vqa import EncyclopedicVqa
from indexer.kb.jsonl import JsonLines
from indexer.kb.oven import Oven
from indexer.kb.record import BadRecord, Entity, KnowledgeBase
from indexer.kb.wikipedia.knowledge_base import Wikipedia
from indexer.kb.wordnet.knowledge_base import WordNet
from wikiclip.base.errors import WikiClipError
from wikiclip.base.paths import articles_root, debian_root

__all__ = ["FETCHED", "BadRecord", "Entity", "KnowledgeBase", "KnowledgeBaseName", "open_kb"]


class KnowledgeBaseName(StrEnum):
    """The knowledge bases that can be built."""

    WORDNET = "wordnet"
    WIKIPEDIA = "wikipedia"
    JSONL = "jsonl"
    OVEN = "oven"
    ENCYCLOPEDIC_VQA = "encyclopedic-vqa"


FETCHED = (KnowledgeBaseName.WORDNET, KnowledgeBaseName.WIKIPEDIA)  # by indexer.default_data


def open_kb(
    name: KnowledgeBaseName,
    *,
    records: Path | None = None,
    images: Path | None = None,
    everything: bool = False,
    follow_links: bool = False,
) -> KnowledgeBase:
    """Opens a knowledge base.

    Args:
        records: its record file; required for `jsonl`, found by itself for the others if None.
        images: its folder of pictures; see each knowledge base for what it takes if None.
        everything: whether `wikipedia` has what cannot be seen, too.
        follow_links: whether a picture may be a link that leads out of that folder, or lie behind one.

    Raises:
        WikiClipError: something it needs is missing, or an option does not apply to it.
    """
    if name in FETCHED and (records or images or follow_links):
        raise WikiClipError(
            f"--records, --images and --follow-links do not apply to --kb {name}, whose files `python -m"
            f" indexer.default_data fetch --kb {name}` fetches."
        )
    if everything and name != KnowledgeBaseName.WIKIPEDIA:
        raise WikiClipError(f"--everything does not apply to --kb {name}, which leaves nothing out that can be kept.")
    match name:
        case KnowledgeBaseName.WORDNET:
            return WordNet(debian_root())
        case KnowledgeBaseName.WIKIPEDIA:
            return Wikipedia(debian_root(), articles_root(), everything=everything)
        case KnowledgeBaseName.JSONL:
            if records is None:
                raise WikiClipError(
                    "--kb jsonl needs --records FILE: one JSON object a line with entity_id, title and text."
                )
            return JsonLines(records, images=images, follow_links=follow_links)
        case KnowledgeBaseName.OVEN:
            return Oven(records, images=images, follow_links=follow_links)
        case KnowledgeBaseName.ENCYCLOPEDIC_VQA:
            return EncyclopedicVqa(records, images=images, follow_links=follow_links)
