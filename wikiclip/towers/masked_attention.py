"""Attention of a ViT's last blocks kept to what a mask covers, so that its own pooling sees a region alone.

What lies outside is hidden from every query, the class token's and the patches' alike (key masking, as in the last
layers of MaskCLIP and its kind); a pooling by attention hides it, too. A patch that the mask covers in part counts by
its share: the logarithm of it is added to the scores, so that the softmax weighs the patch by it. The blocks before
still see the whole picture, and tell the region's patches what is around them.

Axes: B item, P patch, L token of a block's input, H head.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from wikiclip.base.errors import WikiClipError

# What the forward pass that runs in this thread is told; hooks are the network's, which threads share.
_hidden: ContextVar[Tensor | None] = ContextVar("_hidden", default=None)


def keep_to_mask(network: Any, blocks: int, *, architecture: str) -> None:
    """Makes the last blocks of a ViT, and its pooling, add what `keeping_to` holds to their scores.

    Args:
        network: a ViT of open_clip's own, or a trunk of timm's in open_clip's frame.
        architecture: for people.

    Raises:
        WikiClipError: it has no such blocks, or fewer.
    """
    trunk = getattr(network, "trunk", None)
    found = _blocks(network)
    if not found or any("attn_mask" not in inspect.signature(block.forward).parameters for block in found):
        raise WikiClipError(
            f"The vision tower {architecture} is no ViT whose attention a mask can be put on: take `masked_blocks` out."
        )
    if blocks > len(found):
        raise WikiClipError(f"`masked_blocks` is {blocks}, but {architecture} has {len(found)} blocks.")
    told = _by_head if trunk is None else _by_item
    for block in found[-blocks:]:
        block.register_forward_pre_hook(told, with_kwargs=True)
    if (pooling := getattr(trunk, "attn_pool", None)) is not None:
        pooling.register_forward_pre_hook(_by_item, with_kwargs=True)


def pools_by_mean(network: Any) -> bool:
    """Whether a ViT's pooled vector is a mean of its patches, which no attention keeps to the mask."""
    trunk = getattr(network, "trunk", None)
    if trunk is None:
        return bool(network.pool_type == "avg")
    return getattr(trunk, "attn_pool", None) is None and bool(trunk.global_pool != "token")


@contextmanager
def keeping_to(cover_BP: Tensor | None) -> Iterator[None]:
    """Within, what the mask does not cover is hidden from the blocks that `keep_to_mask` has made ready.

    Args:
        cover_BP: the share of each patch that the mask covers, more than 0 somewhere in each row; None hides nothing.
    """
    token = _hidden.set(None if cover_BP is None else cover_BP.log())
    try:
        yield
    finally:
        _hidden.reset(token)


def _by_item(module: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Any]) -> Any:
    """For timm's attention, which takes [B, 1, 1, L] beside its input [B, L, D]."""
    hidden_BP = _hidden.get()
    if hidden_BP is None:
        return None
    return args, {**kwargs, "attn_mask": _of_tokens(hidden_BP, args[0].shape[1])[:, None, None]}


def _by_head(module: Any, args: tuple[Tensor, ...], kwargs: dict[str, Any]) -> Any:
    """For torch's attention, which takes [B * H, L, L] beside its input [L, B, D]."""
    hidden_BP = _hidden.get()
    if hidden_BP is None:
        return None
    length = args[0].shape[1 if module.attn.batch_first else 0]
    hidden_BL = _of_tokens(hidden_BP, length)
    heads = module.attn.num_heads
    hidden_BHLL = hidden_BL[:, None, None].expand(-1, heads, length, -1)
    return args, {**kwargs, "attn_mask": hidden_BHLL.reshape(-1, length, length)}


def _of_tokens(hidden_BP: Tensor, length: int) -> Tensor:
    """The same with the tokens that stand before the patches, which hide nothing."""
    before = length - hidden_BP.shape[1]
    return torch.cat([hidden_BP.new_zeros(len(hidden_BP), before), hidden_BP], dim=1)


def _blocks(network: Any) -> list[Any]:
    trunk = getattr(network, "trunk", None)
    if trunk is None:
        return list(network.transformer.resblocks)
    return list(getattr(trunk, "blocks", ())) if hasattr(trunk, "num_prefix_tokens") else []
