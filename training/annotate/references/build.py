"""All references of one label: three of the four rows of PL-VEL's Table 1; a question as it stands is its worst."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from training.annotate.labels import Label
from training.annotate.references.extension import phrase_of
from training.annotate.references.intension import with_kind
from training.annotate.references.kinds import Kind
from training.annotate.references.templates import Templates
from wikiclip.segmenters.naming import Reference

ReferenceKind = Literal["label", "intension", "extension"]
REFERENCE_KINDS: tuple[ReferenceKind, ...] = get_args(ReferenceKind)


def references_of(
    label: Label, kinds: Sequence[Kind], entity_M: NDArray[np.float32] | None, templates: Templates
) -> dict[ReferenceKind, Reference]:
    """Returns the references that can be made, the plainest first.

    Each has the entity's vector, where that is known: so whoever looks for the vector alone answers all of them alike.
    """
    words: dict[ReferenceKind, str | None] = {
        "label": label.entity,
        "intension": with_kind(label.entity, kinds, templates),
        "extension": phrase_of(label.question, templates) if label.question else None,
    }
    return {kind: Reference(words=said, entity_M=entity_M) for kind, said in words.items() if said is not None}
