"""Whether an entity can be seen: PL-VEL's filter of non-visual entities (Wang et al., AAAI 2025, "Data Filtering").

A picture shows a thing, a creature, a person, a place or what people do; it shows no year, theorem, era, language,
ideology or branch of science. What an article is about is told by the noun of its short description, or else of its
first sentence: "Branch of mathematics" is a branch, "Genus of mammals" is mammals.
"""

import re
import tomllib
from pathlib import Path

NOUNS = Path(__file__).with_name("visual.toml")

# A description's noun ends where one of these begins.
_END = re.compile(
    r"\s*[,;:()]|\s[\u2013\u2014]\s|\.(?:\s|$)|\s(?:of|in|by|that|which|who|whose|where|when|for|with|without|to|from|between|on|at|used|made|"
    r"using|about|as|into|under|through|involving|based|native|located|composed|originating|caused|produced|consisting|"
    r"containing|having|against|within|across|near|during|since|after|before|around|over|than|related|known|is|are|was|"
    r"were|describing|derived|designed|developed|created|written|found|formed|often|associated|has|can|may|featuring|"
    r"occurring|belonging|held|but|if|while|per|upon|along|among|concerned|called|spoken|practiced|typically|given|"
    r"including|such|like|resulting|surrounding|published|concerning|relating|established|performed|played|grown|built)\s"
)
_OF = re.compile(r"\s*of\s+(?:(?:an?|the|several|many|various|two|three)\s+)?")
_PARTICIPLES = ("ed", "ly", "pertaining", "working", "living")

# What can be seen of such a kind.
VISIBLE = re.compile(
    r"\b(?:athletics|(?:ball|board|card) game|coral reef|farm|garment|mammal|martial art|"
    r"(?:mountain|river|solar|star|writing) system|musical instrument|plant|protected area|sport|track and field|"
    r"visual art|weapon)s?\b",
    re.IGNORECASE,
)
# Titles of articles that tell of many things, or of a time.
ABSTRACT_TITLE = re.compile(
    r"^(?:\d{1,4}s?(?: BC| AD)?|History of .*|Timeline of .*|List of .*|Outline of .*|Economy of .*|Culture of .*|"
    r".* (?:century|dynasty|war|wars|revolution|genocide|empire|theorem|theory|law|languages?|music|literature|"
    r"philosophy|mythology|religion|culture|cuisine|education|psychology))$",
    re.IGNORECASE,
)


def _words(table: str) -> dict[str, frozenset[str]]:
    tables: dict[str, dict[str, str]] = tomllib.loads(NOUNS.read_text(encoding="utf-8"))
    return {name: frozenset(words.split()) for name, words in tables[table].items()}


ABSTRACT = frozenset[str]().union(*_words("abstract").values())
FOLLOWED = _words("followed")["by_of"]
SEEN = _words("seen")


def is_visual(title: str, description: str, *, topic: str = "") -> bool:
    """Whether a picture can show what an article is about.

    Args:
        title: the article's.
        description: its short description or, where it has none, its first sentence.
        topic: among Wikipedia's vital articles, if it is one of them. People can be seen.
    """
    if topic == "People":
        return True
    if ABSTRACT_TITLE.match(title):
        return False
    if VISIBLE.search(description):
        return True
    noun = noun_of(description)
    seen = SEEN.get(topic)
    return noun in seen if seen is not None else noun not in ABSTRACT


def noun_of(description: str) -> str:
    """What a description says that its entity is, in lower case and in the singular; empty if it says nothing."""
    told = re.sub(r"^.*?\s(?:is|are|was|were)\s+(?=an?\s|the\s|one\s)", "", description.strip(), count=1)
    while True:
        end = _END.search(told)
        words = re.findall(r"[\w'-]+", (told[: end.start()] if end else told).lower())
        while len(words) > 1 and words[-1].endswith(_PARTICIPLES):  # "concept expressed as": a concept
            words.pop()
        rest = told[end.start() :] if end else ""
        further = _OF.match(rest)
        if not words or words[-1] not in FOLLOWED or not further:
            return singular(words[-1]) if words else ""
        told = rest[further.end() :]


def singular(noun: str) -> str:
    """A noun without its plural's ending, as far as the tables need it."""
    for plural, single in (("ies", "y"), ("sses", "ss"), ("ss", "ss"), ("sis", "sis"), ("ics", "ics"), ("s", "")):
        if noun.endswith(plural) and len(noun) > len(plural) + 1 and noun != "series":
            return noun.removesuffix(plural) + single
    return noun
