"""The model: frozen towers, the Vision-Guided Knowledge Adaptor, mentions and masks; tensors in, tensors out.

What is named here is loaded when it is asked for: who imports `wikiclip.base.errors` alone need not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wikiclip.model import WikiClip
    from wikiclip.vgka import VisionGuidedKnowledgeAdaptor
else:
    _MODULES = {"VisionGuidedKnowledgeAdaptor": "wikiclip.vgka", "WikiClip": "wikiclip.model"}

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)


__all__ = ["VisionGuidedKnowledgeAdaptor", "WikiClip"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
