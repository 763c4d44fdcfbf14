"""The adaptor against a slow one that is written from the equations, one entity, one head and one patch at a time.

Axes: B entity, P patch, L text token; widths V of patches, T of tokens, D of the adaptor, M of mention vectors.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from wikiclip.presets import AdaptorConfig
from wikiclip.vgka import VisionGuidedKnowledgeAdaptor

V, T, D, M, P = 5, 7, 12, 6, 4
CONFIG = AdaptorConfig(width=D, heads=3)
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Batch:
    """Records: with picture and text, with one of them, with neither."""

    patches_BPV: Tensor
    has_picture_B: Tensor
    tokens_BLT: Tensor
    padding_BL: Tensor

    def through(self, adaptor: VisionGuidedKnowledgeAdaptor) -> Tensor:
        with torch.inference_mode():
            out_BM: Tensor = adaptor(self.patches_BPV, self.has_picture_B, self.tokens_BLT, self.padding_BL)
        return out_BM


def make_batch(lengths: list[int], pictures: list[bool], *, longest: int, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    has_picture_B = torch.tensor(pictures)
    patches_BPV = torch.randn(len(lengths), P, V, generator=generator, dtype=torch.float64)
    return Batch(
        patches_BPV=patches_BPV * has_picture_B[:, None, None],
        has_picture_B=has_picture_B,
        tokens_BLT=torch.randn(len(lengths), longest, T, generator=generator, dtype=torch.float64),
        padding_BL=torch.arange(longest) >= torch.tensor(lengths)[:, None],
    )


BATCH = make_batch([5, 2, 0, 1, 5, 0], [True, True, True, False, False, False], longest=5)


def make_adaptor(config: AdaptorConfig = CONFIG, seed: int = 0) -> VisionGuidedKnowledgeAdaptor:
    """Random in every parameter, also in those that start at zero or one; in double precision."""
    torch.manual_seed(seed)
    adaptor = VisionGuidedKnowledgeAdaptor(config, patch_width=V, text_width=T, out_width=M, patches=P)
    for parameter in adaptor.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return adaptor.double().eval()


@pytest.fixture(params=[True, False], ids=["residual", "no residual"])
def adaptor(request: pytest.FixtureRequest) -> VisionGuidedKnowledgeAdaptor:
    return make_adaptor(replace(CONFIG, residual=request.param))


# The slow twin ----------------------------------------------------------------------------------------------------


def normalise(x: Array, weights: dict[str, Array], name: str) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    scaled: Array = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def linear(x: Array, weights: dict[str, Array], name: str) -> Array:
    out: Array = x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    return out


def gelu(x: Array) -> Array:
    share: Array = np.vectorize(lambda value: (1 + math.erf(value / math.sqrt(2))) / 2)(x)
    return x * share


def attend(queries_PD: Array, text_LD: Array, weights: dict[str, Array], name: str, heads: int) -> Array:
    to_q, to_k, to_v = np.split(weights[f"{name}.in_proj_weight"], 3)
    bias_q, bias_k, bias_v = np.split(weights[f"{name}.in_proj_bias"], 3)
    answers = np.zeros_like(queries_PD)
    size = queries_PD.shape[1] // heads
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        for patch, query_D in enumerate(queries_PD):
            q = (to_q @ query_D + bias_q)[part]
            scores = [q @ (to_k @ text_D + bias_k)[part] / math.sqrt(size) for text_D in text_LD]
            shares = np.exp(scores) / np.exp(scores).sum()
            answers[patch, part] = sum(
                share * (to_v @ text_D + bias_v)[part] for share, text_D in zip(shares, text_LD, strict=True)
            )
    return linear(answers, weights, f"{name}.out_proj")


def slow(adaptor: VisionGuidedKnowledgeAdaptor, config: AdaptorConfig, batch: Batch) -> Array:
    """`v = mean over patches of V'`, `V' = FFN(MHA(P_e, T_t, T_t))`, twice; each part after a LayerNorm."""
    weights = {name: parameter.detach().numpy() for name, parameter in adaptor.state_dict().items()}
    out = []
    for patches_PV, has_picture, tokens_LT, padding_L in zip(
        batch.patches_BPV.numpy(),
        batch.has_picture_B.tolist(),
        batch.tokens_BLT.numpy(),
        batch.padding_BL.numpy(),
        strict=True,
    ):
        x_PD = linear(patches_PV, weights, "project_patches") if has_picture else weights["missing_patches_PD"]
        text_LD = linear(tokens_LT[~padding_L], weights, "project_text")
        if padding_L.all():
            text_LD = weights["missing_text_D"][None]
        for layer in range(config.layers):
            name = f"layers.{layer}"
            keys_LD = normalise(text_LD, weights, f"{name}.norm_text")
            queries_PD = normalise(x_PD, weights, f"{name}.norm_patches")
            answers_PD = attend(queries_PD, keys_LD, weights, f"{name}.attention", config.heads)
            x_PD = x_PD + answers_PD if config.residual else answers_PD
            hidden = linear(normalise(x_PD, weights, f"{name}.norm_hidden"), weights, f"{name}.feed_forward.0")
            x_PD = x_PD + linear(gelu(hidden), weights, f"{name}.feed_forward.3")
        out.append(linear(normalise(x_PD.mean(0), weights, "norm_out"), weights, "project_out"))
    return np.stack(out)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(("heads", "layers"), [(1, 1), (3, 2), (12, 3)])
def test_it_agrees_with_the_equations(residual: bool, heads: int, layers: int) -> None:
    config = AdaptorConfig(width=D, heads=heads, layers=layers, residual=residual)
    adaptor = make_adaptor(config)
    np.testing.assert_allclose(BATCH.through(adaptor).numpy(), slow(adaptor, config, BATCH), rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=5), st.integers(0, 99))
def test_it_agrees_with_the_equations_for_every_mixture_of_records(records: list[tuple[int, bool]], seed: int) -> None:
    lengths, pictures = [length for length, _ in records], [picture for _, picture in records]
    batch, adaptor = make_batch(lengths, pictures, longest=6, seed=seed), make_adaptor(seed=seed)
    np.testing.assert_allclose(batch.through(adaptor).numpy(), slow(adaptor, CONFIG, batch), rtol=1e-9, atol=1e-9)


# What the equations promise ---------------------------------------------------------------------------------------


def test_padding_changes_nothing(adaptor: VisionGuidedKnowledgeAdaptor) -> None:
    before = BATCH.through(adaptor)
    noise = 1e3 * torch.randn(BATCH.tokens_BLT.shape, dtype=torch.float64)
    noisy = replace(BATCH, tokens_BLT=torch.where(BATCH.padding_BL[..., None], noise, BATCH.tokens_BLT))
    torch.testing.assert_close(noisy.through(adaptor), before)
    longer = replace(
        BATCH,
        tokens_BLT=torch.cat([BATCH.tokens_BLT, noise[:, :3]], dim=1),
        padding_BL=torch.cat([BATCH.padding_BL, torch.ones(6, 3, dtype=torch.bool)], dim=1),
    )
    torch.testing.assert_close(longer.through(adaptor), before)


def test_a_record_does_not_depend_on_its_batch(adaptor: VisionGuidedKnowledgeAdaptor) -> None:
    together = BATCH.through(adaptor)
    for number in range(len(together)):
        one = slice(number, number + 1)
        alone = Batch(
            BATCH.patches_BPV[one], BATCH.has_picture_B[one], BATCH.tokens_BLT[one], BATCH.padding_BL[one]
        ).through(adaptor)
        torch.testing.assert_close(alone, together[one])


def test_neither_tokens_nor_patches_have_an_order(adaptor: VisionGuidedKnowledgeAdaptor) -> None:
    before, order_L, order_P = BATCH.through(adaptor), torch.tensor([3, 0, 4, 2, 1]), torch.tensor([2, 3, 1, 0])
    shuffled = replace(BATCH, tokens_BLT=BATCH.tokens_BLT[:, order_L], padding_BL=BATCH.padding_BL[:, order_L])
    torch.testing.assert_close(shuffled.through(adaptor), before)
    torch.testing.assert_close(replace(BATCH, patches_BPV=BATCH.patches_BPV[:, order_P]).through(adaptor), before)


def test_without_a_picture_or_a_text_what_stands_there_is_not_read(adaptor: VisionGuidedKnowledgeAdaptor) -> None:
    before = BATCH.through(adaptor)
    assert torch.isfinite(before).all()
    other = replace(BATCH, patches_BPV=torch.where(BATCH.has_picture_B[:, None, None], BATCH.patches_BPV, 9.0))
    torch.testing.assert_close(other.through(adaptor), before)
    assert not torch.isclose(before[4], before[5]).all(), "a text without a picture is more than neither"


@pytest.mark.parametrize("residual", [True, False])
def test_only_the_residual_lets_a_picture_without_a_text_through(residual: bool) -> None:
    """Every patch is answered by the one token that stands for the missing text, whatever the patch asks."""
    out_BM = BATCH.through(make_adaptor(replace(CONFIG, residual=residual)))
    assert torch.isclose(out_BM[2], out_BM[5]).all() != residual


def test_started_at_zero_it_says_nothing_and_can_learn_to() -> None:
    adaptor = make_adaptor()
    adaptor.start_at_zero()
    assert not BATCH.through(adaptor).any()
    out_BM = adaptor(BATCH.patches_BPV, BATCH.has_picture_B, BATCH.tokens_BLT, BATCH.padding_BL)
    (out_BM - 1).square().sum().backward()
    assert adaptor.project_out.weight.grad is not None
    assert adaptor.project_out.weight.grad.any()


def test_every_parameter_learns_from_a_mixed_batch() -> None:
    adaptor = make_adaptor().train()
    out_BM = adaptor(BATCH.patches_BPV, BATCH.has_picture_B, BATCH.tokens_BLT, BATCH.padding_BL)
    out_BM.square().sum().backward()
    for name, parameter in adaptor.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name


def test_it_drops_out_only_while_training() -> None:
    adaptor = make_adaptor(replace(CONFIG, dropout=0.5))
    assert torch.equal(BATCH.through(adaptor), BATCH.through(adaptor))
    adaptor.train()
    assert not torch.equal(BATCH.through(adaptor), BATCH.through(adaptor))
