"""The ways to search vectors that are compared: ours and the ones a team would reach for instead."""

from benchmarks.search.systems.faiss_peers import HnswFlat, IvfFlat, IvfPqRefine
from benchmarks.search.systems.graphs import Hnswlib, Usearch
from benchmarks.search.systems.ours import OURS, Ours
from benchmarks.search.systems.system import System

SYSTEMS: dict[str, System] = {
    **{name: Ours(name) for name in OURS},
    **{system.name: system for system in (IvfFlat(), HnswFlat(), IvfPqRefine(), Hnswlib(), Usearch())},
}

__all__ = ["SYSTEMS", "System"]
