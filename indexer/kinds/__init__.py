"""Kinds of index: how vectors are kept and searched, chosen by name."""

from collections.abc import Mapping
from dataclasses import replace

from indexer.kinds.codes import WholeVectors, pq, rabitq, sq8
from indexer.kinds.components import Components
from indexer.kinds.exact import Exact
from indexer.kinds.inverted import Inverted
from indexer.kinds.kind import IndexKind
from indexer.kinds.milvus.kind import Milvus
from indexer.kinds.milvus.server import MilvusServer
from wikiclip.base.errors import WikiClipError

_ALL: tuple[IndexKind, ...] = (
    Exact(),
    Inverted(name="balanced-sq8", code=WholeVectors(sq8), probes=64, depth=40),
    Inverted(name="compact-pq", code=WholeVectors(pq), probes=32, depth=400),
    Inverted(name="compact-rabitq", code=WholeVectors(rabitq), probes=128, depth=100),
    Inverted(name="compact-pca", code=Components(11 / 32), probes=112, depth=200),
)
KINDS: Mapping[str, IndexKind] = {kind.name: kind for kind in _ALL}
# Kinds whose vectors are in a Milvus server and not in files.
MILVUS: Mapping[str, Milvus] = {
    kind.name: kind for kind in (Milvus(name="milvus-flat"), Milvus(name="milvus-hnsw"), Milvus(name="milvus-ivf-sq8"))
}
SHORT: Mapping[str, str] = {"exact": "exact-fp16", "balanced": "balanced-sq8", "compact": "compact-pca"}
# Kinds that earlier programs wrote and none reads any more, each with the short name of what took its place.
GONE: Mapping[str, str] = {"balanced-pq": "balanced", "exact-int8": "exact"}


def kind_of(name: str, *, milvus: MilvusServer | None = None) -> IndexKind:
    """The kind of a name, or of a short name.

    Args:
        milvus: the server of a kind that has its vectors in one; that of the environment if None.

    Raises:
        WikiClipError: there is none; names those that there are, or what took the place of one that is gone.
    """
    if name in GONE:
        raise WikiClipError(
            f"The index kind {name} is gone: make the index anew with"
            f" `python -m indexer.build --kb ... --index {GONE[name]}`."
        )
    if name in MILVUS:
        return replace(MILVUS[name], server=milvus)
    kind = KINDS.get(SHORT.get(name, name))
    if kind is None:
        known = ", ".join([*SHORT, *KINDS, *MILVUS])
        raise WikiClipError(f"There is no index kind {name[:40]!r}; choose one of {known}.")
    return kind
