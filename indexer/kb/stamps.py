"""Tux Paint's stamps, each matched to the WordNet noun that its caption names."""

import tomllib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from indexer.kb.captions import names, spelt
from indexer.kb.nouns import Nouns, Synset
from indexer.kb.twins import photographs
from wikiclip.base.errors import WikiClipError

STAMPS = "usr/share/tuxpaint/stamps"  # below the folder that the Debian packages are unpacked in
OVERRIDES = Path(__file__).with_name("stamp_overrides.toml")
MIRROR = "_mirror"
DRAWN = ("cartoon", "outline")  # in the paths of drawings whose entity may have a photograph as well

# Which of WordNet's lexicographer files a folder's stamps belong to, the likeliest first.
FOLDER_SENSES: Mapping[str, tuple[str, ...]] = {
    "animals": ("animal",),
    "clothes": ("artifact",),
    "food": ("food", "plant"),
    "hobbies": ("artifact",),
    "household": ("artifact",),
    "medical": ("body", "artifact"),
    "military": ("artifact", "person"),
    "naturalforces": ("phenomenon", "event"),
    "people": ("person", "body", "artifact"),
    "plants": ("plant",),
    "seasonal": ("artifact", "food", "animal", "plant", "person", "body"),
    "space": ("object", "artifact", "person"),
    "sports": ("artifact",),
    "town": ("artifact", "object", "location"),
    "vehicles": ("artifact",),
}


class StampsError(WikiClipError):
    """The stamps are missing, or the table of overrides does not fit them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A picture with an alpha channel that shows one entity.

    Attributes:
        path: where it is below the stamps' folder.
        caption: what the stamp's author says it is.
        entity_id: the synset it shows.
    """

    path: str
    caption: str
    entity_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp(Match):
    """A match that knows its photograph.

    Attributes:
        photograph: which photograph or drawing it is: the path of the first stamp that was made from it, matched or
            not. Stamps made from the same one share it, also across entities.
    """

    photograph: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StampMatches:
    """Stamps that show an entity, and (path, caption) of those for which none was found; both in order of paths."""

    matches: tuple[Match, ...]
    unmatched: tuple[tuple[str, str], ...]

    def by_entity(self) -> dict[str, list[Match]]:
        """entity_id -> its stamps, the one for its record first: drawn and mirrored ones come last."""

        def rank(match: Match) -> tuple[bool, bool, str]:
            return any(word in match.path for word in DRAWN), MIRROR in match.path, match.path

        stamps = defaultdict(list)
        for match in sorted(self.matches, key=rank):
            stamps[match.entity_id].append(match)
        return dict(stamps)


def read_captions(folder: Path) -> dict[str, str]:
    """Path -> caption of every PNG stamp outside `symbols/` (letters, coins, chess men: not things of the world).

    Tux Paint shows `x_mirror.png` when a child mirrors `x.png`; it has no caption of its own.

    Raises:
        StampsError: there are no stamps.
    """
    captions = {}
    for path in sorted(folder.rglob("*.png")):
        relative = path.relative_to(folder)
        if relative.parts[0] != "symbols":
            text = path.with_name(path.stem.removesuffix(MIRROR) + ".txt")
            lines = text.read_text(encoding="utf-8").splitlines() if text.is_file() else []
            captions[relative.as_posix()] = lines[0].strip() if lines else ""
    if not captions:
        raise StampsError(f"There are no stamps at {folder}; `make demo-data` fetches them.")
    return captions


def match_stamps(folder: Path, nouns: Nouns) -> StampMatches:
    """Matches every stamp to a synset by its caption and folder, or by the table of overrides.

    Raises:
        StampsError: there are no stamps, or the table names a stamp or synset that does not exist.
    """
    captions, overrides = read_captions(folder), _reviewed("stamps")
    there = captions.keys() | {path.rpartition("/")[0] + "/" for path in captions}
    if unknown := (overrides.keys() - there) | (set(overrides.values()) - nouns.synsets.keys() - {"none"}):
        raise StampsError(f"{OVERRIDES.name} names what does not exist: {', '.join(sorted(unknown))}.")
    senses = senses_by_name(nouns)
    matches, unmatched = [], []
    for path, caption in captions.items():
        original = path.replace(MIRROR, "")
        override = overrides.get(original) or overrides.get(original.rpartition("/")[0] + "/")
        entity_id = override or match_caption(caption, path.partition("/")[0], senses)
        if entity_id is None or entity_id == "none":
            unmatched.append((path, caption))
        else:
            matches.append(Match(path=path, caption=caption, entity_id=entity_id))
    return StampMatches(matches=tuple(matches), unmatched=tuple(unmatched))


def with_photographs(folder: Path, found: StampMatches) -> tuple[Stamp, ...]:
    """Opens all stamps, also those that were not matched, to tell which were made from the same photograph."""
    paths = [match.path for match in found.matches] + [path for path, _ in found.unmatched]
    photograph = photographs(folder, paths, crops=_reviewed("crops"))
    return tuple(
        Stamp(path=match.path, caption=match.caption, entity_id=match.entity_id, photograph=photograph[match.path])
        for match in found.matches
    )


def _reviewed(table: str) -> dict[str, str]:
    tables: dict[str, dict[str, str]] = tomllib.loads(OVERRIDES.read_text(encoding="utf-8"))
    return tables[table]


def senses_by_name(nouns: Nouns) -> dict[str, list[Synset]]:
    """Name, spelt as captions' names are -> its senses in WordNet's order."""
    senses: defaultdict[str, list[Synset]] = defaultdict(list)
    for lemma, synset_ids in nouns.senses.items():
        senses[spelt(lemma)] += [nouns.synsets[synset_id] for synset_id in synset_ids]
    return senses


def match_caption(caption: str, folder: str, senses: Mapping[str, list[Synset]]) -> str | None:
    """The best sense of the longest name that has one in the folder's lexicographer files.

    Of several, the one whose most usual word is the name goes first ("hedgehog" is also a rare word for the
    porcupine, and WordNet lists that sense first), then WordNet's order.
    """
    for name in names(caption):
        for lexicographer in FOLDER_SENSES.get(folder, ()):
            if here := [synset for synset in senses.get(name, ()) if synset.lexicographer == lexicographer]:
                return min(here, key=lambda synset: spelt(synset.lemmas[0]) != name).synset_id
    return None
