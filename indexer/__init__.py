"""Knowledge bases in, immutable searchable index versions out; `Linker` answers from one of them in process.

What is named here is loaded when it is asked for: who imports one module of the package need not wait for torch and
FAISS.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexer.linker import Linker
    from indexer.search import EntityIndex
else:
    _MODULES = {"EntityIndex": "indexer.search", "Linker": "indexer.linker"}

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)


__all__ = ["EntityIndex", "Linker"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
