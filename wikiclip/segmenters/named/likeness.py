"""How like an entity parts of a picture are, by the vectors that also link them.

Axes: R reference, N mask, M of mention vectors.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wikiclip.masks import Mask
from wikiclip.model import WikiClip
from wikiclip.segmenters.naming import Candidate, Reference
from wikiclip.segmenters.segmenter import Box, told_apart

Vectors = NDArray[np.float32]


def entities(model: WikiClip, references: Sequence[Reference]) -> Vectors:
    """The unit vector of each reference's entity [R, M]; of one that no index has, what the model makes of its words.

    Each text is read alone: padded to a longer one beside it, it would come to other last digits.
    """
    vectors = [
        model.encode_entities([model.prepare_entity(reference.words, None)])[0]
        if reference.entity_M is None
        else reference.entity_M
        for reference in references
    ]
    return np.stack(vectors).astype(np.float32)


def mentions(model: WikiClip, image: Image.Image, masks: Sequence[Mask]) -> Vectors:
    """What the model makes of masked parts of a picture: unit vectors [N, M]."""
    return model.encode_mentions([model.prepare_mention(image, mask) for mask in masks])


def ranked(
    model: WikiClip, image: Image.Image, drawn: Sequence[tuple[Mask, Box | None]], entity_M: Vectors
) -> list[Candidate]:
    """Masks as candidates, those most like the entity first; one that is nearly the same as a better one is left out.

    The confidence is the cosine of a mask, as a mention, with the entity; 0 where it is below.
    """
    if not drawn:
        return []
    likeness_N = mentions(model, image, [mask for mask, _ in drawn]) @ entity_M
    order = np.argsort(-likeness_N, kind="stable")
    candidates = [
        Candidate(mask=drawn[n][0], box=drawn[n][1], confidence=float(np.clip(likeness_N[n], 0, 1))) for n in order
    ]
    kept = {id(mask) for mask in told_apart([candidate.mask for candidate in candidates])}
    return [candidate for candidate in candidates if id(candidate.mask) in kept]
