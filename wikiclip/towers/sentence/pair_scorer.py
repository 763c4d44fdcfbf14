"""A cross-encoder, of sentence-transformers' kind: how well a record fits a picture, both read as one input.

It sees what two vectors that were made apart cannot show, and takes a pass for each pair. Qwen3-VL-Reranker is one.

Axes: K record; C, H, W of pixels.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import wikiclip.towers.torchvision_guard  # noqa: F401  (before anything that imports torchvision)
from wikiclip.base.devices import best_device
from wikiclip.base.errors import WikiClipError
from wikiclip.base.machine import DeviceChoice
from wikiclip.base.precision import keep_in_bf16
from wikiclip.towers.hub import HUB, commit_of, is_repository, repository
from wikiclip.towers.sentence.files import CROSS_ENCODER, digest
from wikiclip.towers.sentence.models import UNLOADED, loaded, refusal
from wikiclip.towers.sentence.pictures_and_texts import TAKEN, PicturesAndTexts, Pixels, picture

from sentence_transformers import CrossEncoder  # isort: skip

AT_ONCE_ON_CPU, AT_ONCE_ON_GPU = 4, 16  # pairs a forward pass, of two pictures and a text each
MAX_TOKENS = 256  # of a record's text
PROBE_SIDE = 64  # pixels of a picture that is scored once, to see that the model takes pairs


class OutOfTime(Exception):
    """The scores were not there in time."""


class PairScorer(nn.Module):
    """Scores of records for a picture. Safe on any thread.

    Args:
        name: what it is, as it was asked for.
        revision: the commit of its files; None for a folder of one's own.
        sha256: of its files, as `files.digest` says.
    """

    def __init__(self, model: CrossEncoder, *, name: str, revision: str | None, sha256: str) -> None:
        super().__init__()
        self.model, self.name, self.revision, self.sha256 = model, name, revision, sha256
        self._asked = PicturesAndTexts(model, max_tokens=MAX_TOKENS)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.model.device

    def scores(
        self,
        pixels_CHW: Pixels,
        pictures: Sequence[Pixels | None],
        texts: Sequence[str],
        *,
        in_time: Callable[[], bool] = lambda: True,
    ) -> NDArray[np.float32]:
        """Scores [K] of records, each a picture or None and a text; more fits better.

        Args:
            pixels_CHW: what is shown, [C, H, W].
            in_time: asked before each pass whether there is time for it.

        Raises:
            OutOfTime: there was none.
        """
        prompts = self.model.prompts
        prompt = prompts.get("query") or prompts.get(self.model.default_prompt_name or "")
        pairs = [(picture(pixels_CHW), record) for record in self._asked.inputs(pictures, texts)]
        most = AT_ONCE_ON_CPU if self.device.type == "cpu" else AT_ONCE_ON_GPU
        made = [np.zeros(0, np.float32)]
        for start in range(0, len(pairs), most):
            if not in_time():
                raise OutOfTime
            out = self._asked.outputs(pairs[start : start + most], prompt=prompt)
            made.append(out["scores"].float().reshape(-1).cpu().numpy())
        return np.concatenate(made)


def open_pair_scorer(name: str, device: DeviceChoice = "auto") -> PairScorer:
    """The cross-encoder of a repository or a folder, frozen.

    Args:
        name: `hf-hub:OWNER/NAME`, at its newest commit or at `@REVISION`, or `local-dir:PATH`.
        device: where it computes.

    Raises:
        WikiClipError: its files are missing, need code of their own, or are no model that scores a picture beside a
            picture with a text.
    """
    weights, _, revision = name.partition("@") if name.startswith(HUB) else (name, "", "")
    if not is_repository(weights):
        raise WikiClipError(f"A cross-encoder is named hf-hub:OWNER/NAME or local-dir:PATH, not {name}.")
    folder = repository(weights, revision or None, CROSS_ENCODER)
    model = loaded(CrossEncoder, folder, name, takes=TAKEN)
    if model.num_labels != 1:
        raise WikiClipError(f"{name} gives a pair {model.num_labels} numbers, and one is needed to order by.")
    scorer = PairScorer(model, name=weights, revision=commit_of(folder), sha256=digest(folder))
    where = torch.device("cpu") if device == "cpu" else best_device()
    scorer.to(where)
    keep_in_bf16(scorer, where)
    grey_CHW = np.full((3, PROBE_SIDE, PROBE_SIDE), 128, np.uint8)
    try:
        scorer.scores(grey_CHW, [grey_CHW, None], ["a", "b"])
    except UNLOADED as error:
        raise refusal(name, error) from error
    return scorer
