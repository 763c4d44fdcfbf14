"""What an annotation needs, opened: segmenters, vectors of entities, and what knows kinds."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.errors import UnknownEntity
from indexer.kb.wordnet.nouns import WORDNET, read_nouns
from indexer.records.titles import fold
from indexer.search import EntityIndex
from training.annotate.references.kinds import Kinds, SeveralKinds
from training.annotate.references.wikidata import WikidataKinds
from training.annotate.references.wordnet import WordNetKinds
from training.processes import tell
from wikiclip.base.errors import WikiClipError
from wikiclip.base.machine import DeviceChoice
from wikiclip.base.paths import debian_root
from wikiclip.model import WikiClip
from wikiclip.segmenters.named import open_name_segmenter
from wikiclip.segmenters.naming import Candidate, NameSegmenter, Reference

LED_BY_VECTOR = ("windows", "patches")  # that read no words where the entity's vector is known


class OncePerVector:
    """A segmenter that reads no words, asked once for references of the same vector, and in turn for the others."""

    def __init__(self, inner: NameSegmenter) -> None:
        self._inner = inner

    @property
    def method(self) -> str:
        return self._inner.method

    def find(self, image: Image.Image, references: Sequence[Reference]) -> list[list[Candidate]]:
        """As the protocol has it; references of one vector get the same list."""
        keys = [each.words if each.entity_M is None else each.entity_M.tobytes() for each in references]
        once = dict(zip(reversed(keys), reversed(references), strict=True))  # of each key the first reference
        once = {key: once[key] for key in dict.fromkeys(keys)}
        by_key = dict(zip(once, self._inner.find(image, list(once.values())), strict=True))
        return [by_key[key] for key in keys]


def open_segmenters(sources: Sequence[str], model: WikiClip, device: DeviceChoice) -> list[NameSegmenter]:
    """Opens segmenters, the first of which is held against the others.

    Raises:
        WikiClipError: one is not known or cannot be loaded, or is given twice.
    """
    if len(set(sources)) < len(sources):
        raise WikiClipError("A segmenter agrees with itself in everything: name another one with --second.")
    opened = [open_name_segmenter(source, model=model, device=device) for source in sources]
    return [OncePerVector(each) if each.method in LED_BY_VECTOR else each for each in opened]


def vectors_of(index: EntityIndex) -> Callable[[str], NDArray[np.float32] | None]:
    """Gives a look-up from an entity's id to its unit vector [M]; None where the index has no such entity."""

    def look_up(entity_id: str) -> NDArray[np.float32] | None:
        try:
            vector_M = index.vector(entity_id)
        except UnknownEntity:
            return None
        unit_M: NDArray[np.float32] = vector_M / np.float32(np.linalg.norm(vector_M))
        return unit_M

    return look_up


def ids_of(index: EntityIndex) -> Callable[[str], str | None]:
    """Gives a look-up from a name to the id of the one entity with that title; neither case nor accents count. None
    where no entity has it, or several do."""

    def look_up(name: str) -> str | None:
        found = index.entities_titled(name, limit=2)  # of titles that start so, those that end there come first
        same = [entity.entity_id for entity in found if fold(entity.title) == fold(name)]
        return same[0] if len(same) == 1 else None

    return look_up


def open_kinds(statements: Path | None, labels: Path | None) -> Kinds:
    """Opens what knows kinds: Wikidata's table, if there is one, then WordNet, where it has been fetched.

    Raises:
        WikiClipError: one of the two files comes without the other, or is no such table.
    """
    if (statements is None) != (labels is None):
        raise WikiClipError("--wikidata and --wikidata-labels belong together: the one has ids, the other their names.")
    sources: list[Kinds] = []
    if statements is not None and labels is not None:
        sources.append(WikidataKinds(statements, labels))
    if (debian_root() / WORDNET).is_dir():
        sources.append(WordNetKinds(read_nouns(debian_root() / WORDNET)))
    if not sources:
        tell(
            "Nothing says what entities are: their names alone are looked for, and places and what cannot be seen are"
            " told by their titles alone. `python -m indexer.default_data fetch` fetches WordNet."
        )
    return SeveralKinds(sources)
