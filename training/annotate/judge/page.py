"""The page to judge on: one HTML file that needs nothing else. Texts in it are strangers', so each is escaped."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from tqdm import tqdm

from indexer.coco.files import region_of
from indexer.picture_paths import NoPlace, place_below
from training.annotate.judge.judgements import UNSAID
from training.annotate.statistics.rows import Mentioned
from wikiclip.base.files import write_text
from wikiclip.masks import RegionError, decode_region
from wikiclip.pictures import PictureError, read_picture
from wikiclip.thumbnails import Inline, inline, outlined

SIDE = 640  # pixels of a picture's longer side on the page


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """An annotation as the page shows it."""

    id: str
    picture: Inline
    entity: str
    question: str
    reference_words: str
    split: str
    source: str
    method: str
    reference: str


def cards(
    found: Iterable[Mentioned],
    pictures: Path,
    source_of: Callable[[str, str | None], str],
    left_out: list[str],
) -> Iterator[Card]:
    """Yields what can be shown; of the rest, a line each is added to `left_out`."""
    for one in found:
        try:
            if one.file_name is None:
                raise NoPlace("The file lists no picture.")
            rgb = read_picture(place_below(pictures, one.file_name)).rgb
            mask = decode_region(region_of(one.found), height=rgb.height, width=rgb.width)
        except (NoPlace, PictureError, RegionError) as error:
            left_out.append(f"{one.row.id}: {error}")
            continue
        words = one.row.text_prompt
        yield Card(
            id=one.row.id,
            picture=inline(outlined(rgb, mask, SIDE)),
            entity=_name(one),
            question=one.row.question or "",
            reference_words=", ".join(words) if isinstance(words, list) else words or "",
            split=one.task,
            source=source_of(one.row.image_id, one.file_name),
            method=one.row.method or UNSAID,
            reference=one.row.reference or UNSAID,
        )


def write_page(path: Path, shown: Sequence[Card], *, title: str) -> str:
    """Writes the page in one step, and returns the name of its sample, under which a browser keeps judgements."""
    sample = hashlib.sha256("\n".join(card.id for card in shown).encode("utf-8", "replace")).hexdigest()[:16]
    environment = Environment(
        loader=PackageLoader("training.annotate.judge", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("page.html").render(title=title, sample=sample, cards=shown)
    # Half a surrogate pair, which JSON may hold, has no UTF-8.
    write_text(path, html.encode("utf-8", "replace").decode("utf-8"))
    return sample


def with_bar(found: Sequence[Mentioned]) -> Iterator[Mentioned]:
    """The sample, with a progress bar."""
    yield from tqdm(found, desc="Drawing", unit=" pictures")


def _name(one: Mentioned) -> str:
    """The entity's name as the annotation has it, with its id."""
    label = one.found.get("label")
    named = label[0] if isinstance(label, list) and label and isinstance(label[0], str) else None
    return one.row.category_id if named is None else f"{named} ({one.row.category_id})"
