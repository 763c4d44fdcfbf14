"""WordNet's nouns, read from its database files (wndb(5WN)).

`data.noun` holds the synsets, one a line; `index.noun` the senses of each word, the most frequent first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from indexer.default_data.needs import PACKAGES, Fetched, how_to_fetch
from wikiclip.base.errors import WikiClipError

WORDNET = "usr/share/wordnet"  # below the folder that the Debian packages are unpacked in

# The numbers of lexnames(5WN) that hold nouns.
LEXICOGRAPHERS: Mapping[str, str] = {
    "03": "Tops", "04": "act", "05": "animal", "06": "artifact", "07": "attribute", "08": "body", "09": "cognition",
    "10": "communication", "11": "event", "12": "feeling", "13": "food", "14": "group", "15": "location",
    "16": "motive", "17": "object", "18": "person", "19": "phenomenon", "20": "plant", "21": "possession",
    "22": "process", "23": "quantity", "24": "relation", "25": "shape", "26": "state", "27": "substance", "28": "time",
}  # fmt: skip


class WordNetError(WikiClipError):
    """WordNet's files are missing or are not WordNet's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Synset:
    """One sense that several words share.

    Attributes:
        synset_id: ImageNet's way to write it: "n" and the eight digits of its offset in WordNet 3.0.
        lemmas: its words, the most usual first, spelt with spaces.
        lexicographer: the file it was written in: "animal", "artifact", ...
        gloss: the definition, without examples.
        examples: phrases that use one of the words.
        hypernyms: ids of what it is a kind of.
        instance_of: ids of what it is one of, where it is a single thing such as the Eiffel Tower.
    """

    synset_id: str
    lemmas: tuple[str, ...]
    lexicographer: str
    gloss: str
    examples: tuple[str, ...] = ()
    hypernyms: tuple[str, ...] = ()
    instance_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Nouns:
    """All noun synsets by id, and for each word (lower case, with spaces) its senses in WordNet's order."""

    synsets: Mapping[str, Synset]
    senses: Mapping[str, tuple[str, ...]]

    def ancestors(self, synset_id: str) -> Iterator[Synset]:
        """Yields what a synset is a kind of, nearest first, along the first hypernym of each."""
        synset = self.synsets[synset_id]
        while parents := synset.hypernyms or synset.instance_of:
            synset = self.synsets[parents[0]]
            yield synset


def read_nouns(folder: Path) -> Nouns:
    """Reads `data.noun` and `index.noun` of a folder.

    Raises:
        WordNetError: a file is missing, or a line does not follow wndb(5WN).
    """
    synsets: dict[str, Synset] = {}
    for number, line in _lines(folder / "data.noun"):
        try:
            synset = parse_synset(line)
        except (ValueError, IndexError, KeyError) as error:
            raise WordNetError(f"{folder / 'data.noun'}, line {number}, is no WordNet synset ({error!r}).") from error
        synsets[synset.synset_id] = synset

    senses: dict[str, tuple[str, ...]] = {}
    for number, line in _lines(folder / "index.noun"):
        lemma, *fields = line.split()
        try:
            offsets = fields[-int(fields[1]) :]
        except (ValueError, IndexError) as error:
            raise WordNetError(f"{folder / 'index.noun'}, line {number}, is no WordNet index line.") from error
        senses[lemma.replace("_", " ")] = tuple(f"n{offset}" for offset in offsets)

    named = {synset_id for ids in senses.values() for synset_id in ids}
    referred = {parent for synset in synsets.values() for parent in synset.hypernyms + synset.instance_of}
    if missing := (named | referred) - synsets.keys():
        raise WordNetError(f"{folder} is not whole: data.noun lacks {min(missing)} and {len(missing) - 1} others.")
    return Nouns(synsets=synsets, senses=senses)


def parse_synset(line: str) -> Synset:
    """Parses one line of `data.noun`; raises ValueError, IndexError or KeyError where it is none."""
    data, _, gloss = line.partition("|")
    offset, lexicographer, kind, count, *rest = data.split()
    if kind != "n" or len(offset) != 8 or not offset.isdigit():
        raise ValueError("not a noun")
    words = int(count, 16)
    lemmas = tuple(word.replace("_", " ") for word in rest[: 2 * words : 2])
    pointers = rest[2 * words + 1 :]
    if len(pointers) != 4 * int(rest[2 * words]):
        raise ValueError("wrong number of pointers")
    targets: dict[str, list[str]] = {"@": [], "@i": []}
    for at in range(0, len(pointers), 4):
        if pointers[at] in targets:
            targets[pointers[at]].append(f"n{pointers[at + 1]}")
    definition, examples = split_gloss(gloss)
    return Synset(
        synset_id=f"n{offset}",
        lemmas=lemmas,
        lexicographer=LEXICOGRAPHERS[lexicographer],
        gloss=definition,
        examples=examples,
        hypernyms=tuple(targets["@"]),
        instance_of=tuple(targets["@i"]),
    )


def split_gloss(gloss: str) -> tuple[str, tuple[str, ...]]:
    """Splits a gloss into its definition and its quoted examples; definitions may hold quotes of their own."""
    definition, *tail = gloss.strip().split('; "')
    examples = tuple(part.partition('"')[0] for part in tail)
    return definition.strip().rstrip(";").rstrip(), examples


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yields numbered lines without the licence, whose lines start with two spaces."""
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.startswith("  "):
                    yield number, line.rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise WordNetError(
            f"WordNet's {path} cannot be read; {how_to_fetch(PACKAGES[Fetched.WORDNET])} fetches it. ({error})"
        ) from error
