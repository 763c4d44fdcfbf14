"""What cannot be seen: entities that are events, times, methods, games or technologies, and questions that ask when,
how or why (PL-VEL, "Data Filtering", first filter, and its appendix)."""

from indexer.kb.visual import ABSTRACT_TITLE
from training.annotate.filters.sort_of import Sort, Types
from training.annotate.references.extension import ADDRESSES, CLOSING


def not_seen(entity: str, sort: Sort | None, question: str | None, types: Types) -> str | None:
    """Returns why a label is left out, such as "event" or "how"; None where it is looked for.

    A question counts by how it begins, not by any word in it: "What is the man doing when it rains?" asks for a thing.
    """
    if sort is not None and sort.group == "non_visual":
        return sort.name
    if sort is None and ABSTRACT_TITLE.match(entity):
        return "title"
    if question is not None:
        asked = CLOSING.sub("", ADDRESSES.sub("", question.strip()))
        return next((name for name, pattern in types.interrogatives.items() if pattern.match(asked)), None)
    return None
