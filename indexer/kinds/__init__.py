"""Kinds of index: how vectors are kept and searched, chosen by name."""

from collections.abc import Mapping

from indexer.kinds.codes import WholeVectors, pq, rabitq, sq8
from indexer.kinds.components import Components
from indexer.kinds.exact import Exact
from indexer.kinds.inverted import Inverted
from indexer.kinds.kind import IndexKind
from wikiclip.base.errors import WikiClipError

_ALL: tuple[IndexKind, ...] = (
    Exact(),
    Inverted(name="balanced-sq8", code=WholeVectors(sq8), probes=64, depth=40),
    Inverted(name="compact-pq", code=WholeVectors(pq), probes=32, depth=400),
    Inverted(name="compact-rabitq", code=WholeVectors(rabitq), probes=128, depth=100),
    Inverted(name="compact-pca", code=Components(11 / 32), probes=112, depth=200),
)
KINDS: Mapping[str, IndexKind] = {kind.name: kind for kind in _ALL}
SHORT: Mapping[str, str] = {"exact": "exact-fp16", "balanced": "balanced-sq8", "compact": "compact-pca"}
# Kinds that earlier programs wrote and none reads any more, each with the short name of what took its place.
GONE: Mapping[str, str] = {"balanced-pq": "balanced", "exact-int8": "exact"}


def kind_of(name: str) -> IndexKind:
    """The kind of a name, or of a short name.

    Raises:
        WikiClipError: there is none; names those that there are, or what took the place of one that is gone.
    """
    if name in GONE:
        raise WikiClipError(
            f"The index kind {name} is gone: make the index anew with"
            f" `python -m indexer.build --kb ... --index {GONE[name]}`."
        )
    kind = KINDS.get(SHORT.get(name, name))
    if kind is None:
        raise WikiClipError(f"There is no index kind {name[:40]!r}; choose one of {', '.join([*SHORT, *KINDS])}.")
    return kind
