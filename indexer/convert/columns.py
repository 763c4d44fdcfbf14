"""Which column of a table holds what of a record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wikiclip.base.errors import WikiClipError

# How columns are called that nobody named: by the keys of a line.
USUAL: Mapping[str, tuple[str, ...]] = {
    "entity_id": (
        *("entity_id", "id", "identifier", "object_id", "objectid", "inventory_number", "inventory_no", "inv_no"),
        *("accession_number", "sku", "gtin"),
    ),
    "title": ("title", "name", "label", "scientificname", "object_name"),
    "text": ("text", "description", "summary", "abstract", "caption", "notes"),
    "images": ("images", "image", "picture", "pictures", "photo", "filename", "image_path"),
    "url": ("url", "link", "page", "uri"),
    "attribution": ("attribution", "credit", "credit_line", "rights", "rightsholder"),
    "aliases": ("aliases", "alias", "alternative_names", "synonyms", "also_known_as"),
    "tags": ("tags", "keywords", "categories", "category", "type"),
    "lang": ("lang", "language"),
}
NEEDED = ("entity_id", "title")


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Columns by the keys of a record's line; a text and pictures may come of several.

    Attributes:
        split: what separates several names in one cell.
        language: of every record, where no column says.
    """

    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    split: str = ";"
    language: str | None = None

    def among(self, header: Sequence[str]) -> "Columns":
        """The same, with columns of this header in the place of what was not named.

        Raises:
            WikiClipError: a column that was named is not there, or none holds ids or titles.
        """
        there = {name.casefold().strip(): name for name in header}
        named = dict(self.named)
        for columns in self.named.values():
            for column in columns:
                if column not in header:
                    raise WikiClipError(f"There is no column {column!r}: the table has {', '.join(header)[:500]}.")
        taken = {column for columns in named.values() for column in columns}
        for key, usual in USUAL.items():
            free = [there[name] for name in usual if name in there and there[name] not in taken]
            if key not in named and free:
                named[key] = (free[0],)
                taken.add(free[0])
        for key in NEEDED:
            if key not in named:
                option = {"entity_id": "--id"}.get(key, f"--{key}")
                raise WikiClipError(f"Which column has the {key}? Name it with {option}: {', '.join(header)[:500]}.")
        return Columns(named=named, split=self.split, language=self.language)

    def told(self, header: Sequence[str]) -> str:
        """For people: which column became what, and which are kept and nothing reads."""
        taken = {column for columns in self.named.values() for column in columns}
        rest = ", ".join(column for column in header if column not in taken)[:500]
        kept = f"; kept as extra, which no encoder reads: {rest}" if rest else ""
        return ", ".join(f"{key} of {' and '.join(columns)}" for key, columns in self.named.items()) + kept
