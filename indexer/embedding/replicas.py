"""A model on every device that may embed with it, and whose turn it is."""

import copy
from collections.abc import Sequence
from queue import SimpleQueue

import numpy as np
import torch
from numpy.typing import NDArray

from wikiclip.base.devices import described, visible_devices
from wikiclip.base.errors import WikiClipError, first_line
from wikiclip.base.machine import DeviceChoice
from wikiclip.model import PreparedEntity, WikiClip
from wikiclip.pictures import Picture

# Batches at work on a GPU: while one computes, another's texts are split into tokens and its pixels copied.
ON_A_GPU = 3


class Replicas:
    """Encodes batches from any number of threads: each on the GPU that is free first, where there are GPUs.

    On the processor every thread is served at once. Memory on a GPU is the model's and that of `ON_A_GPU` batches.

    Args:
        model: goes to the first device; the others get copies.
        devices: all of one type.

    Attributes:
        model: the one on the first device.
        where: for people, such as "2 GPUs (NVIDIA H200)".
    """

    def __init__(self, model: WikiClip, devices: Sequence[torch.device]) -> None:
        self.where = described(devices)
        copies = [copy.deepcopy(model) for _ in devices[1:]]
        models = [one.to(device) for one, device in zip([model, *copies], devices, strict=True)]
        for one in models:
            one.vision.optimize_for_inference()
        self.model = models[0]
        self._turns: SimpleQueue[WikiClip] | None = None
        if devices[0].type != "cpu" or len(devices) > 1:
            self._turns = SimpleQueue()
            for _ in range(ON_A_GPU):
                for one in models:
                    self._turns.put(one)

    @property
    def mention_width(self) -> int:
        """M."""
        return self.model.mention_width

    def prepare(self, text: str, picture: Picture | None) -> PreparedEntity:
        """`WikiClip.prepare_entity`, which needs no device."""
        return self.model.prepare_entity(text, picture)

    def encode(self, entities: Sequence[PreparedEntity]) -> NDArray[np.float32]:
        """Unit vectors [B, M], as `WikiClip.encode_entities` makes them."""
        if self._turns is None:
            return self.model.encode_entities(entities)
        model = self._turns.get()
        try:
            return model.encode_entities(entities)
        finally:
            self._turns.put(model)


def open_replicas(model: WikiClip, wanted: DeviceChoice) -> Replicas:
    """The model on all devices that are wanted and there.

    Raises:
        WikiClipError: a GPU is asked for and there is none, or it cannot take the model.
    """
    devices = [torch.device("cpu")] if wanted == "cpu" else visible_devices()
    if wanted == "gpu" and devices[0].type == "cpu":
        raise WikiClipError("torch sees no GPU: look at the driver and at CUDA_VISIBLE_DEVICES, or use --device cpu.")
    try:
        return Replicas(model, devices)
    except RuntimeError as error:  # torch's own, such as for memory that is not there
        raise WikiClipError(
            f"The model cannot be on {described(devices)}: {first_line(error)}. Make room, or use --device cpu."
        ) from error
