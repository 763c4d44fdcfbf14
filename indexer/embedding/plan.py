"""The plan of a build: what settles every vector, so that a build that was stopped can go on and one that was done
need not be done again."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from indexer.errors import CorruptIndex
from indexer.kb.record import KnowledgeBase
from wikiclip.base.files import remove_folder, write_text
from wikiclip.model import WikiClip

PLAN_VERSION = 2  # counts up with each change to how records become vectors, or to how chunks keep both
CHUNK_RECORDS = 2048
PLAN = "plan.json"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Two builds with equal plans give equal vectors.

    Attributes:
        records: the fingerprint of the knowledge base's content.
        dimension: the width of the vectors.
        follow_links: whether links were followed out of the folder of pictures.
        chunk_records: records a chunk; what a crash may lose.
    """

    knowledge_base: str
    records: str
    image_root: str | None
    model_name: str
    model_fingerprint: str
    dimension: int
    follow_links: bool = False
    chunk_records: int = CHUNK_RECORDS
    format: int = PLAN_VERSION

    @property
    def id(self) -> str:
        """Names the plan; short enough for a folder."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    def to_json(self) -> str:
        told = asdict(self)
        if not self.follow_links:
            del told["follow_links"]  # so that what was planned before there was a choice is found again
        return json.dumps(told, indent=2, sort_keys=True) + "\n"


def make_plan(kb: KnowledgeBase, model: WikiClip, *, chunk_records: int = CHUNK_RECORDS) -> Plan:
    """Looks through the knowledge base, once, and at the checkpoint."""
    return Plan(
        knowledge_base=kb.name,
        records=kb.fingerprint(),
        image_root=None if kb.image_root is None else str(kb.image_root.absolute()),
        model_name=model.name,
        model_fingerprint=model.fingerprint,
        dimension=model.mention_width,
        follow_links=kb.follow_links,
        chunk_records=chunk_records,
    )


def workshop_of(plan: Plan, home: Path, *, suffix: str = "") -> Path:
    """The folder below `home` that keeps a plan's chunks until they are published.

    Args:
        suffix: tells apart folders of a plan whose chunks are cut differently.
    """
    return home / "building" / f"{plan.id}{suffix}"


def open_workshop(plan: Plan, home: Path, *, fresh: bool = False, suffix: str = "") -> Path:
    """`workshop_of`, made where it is not there.

    Args:
        fresh: removes chunks that are there from before.
    """
    folder = workshop_of(plan, home, suffix=suffix)
    if fresh:
        remove_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PLAN
    if not path.exists():
        write_text(path, plan.to_json())
    elif path.read_text(encoding="utf-8") != plan.to_json():
        raise CorruptIndex(f"{path} holds another plan than its name says; remove {folder}.")
    return folder
