"""Mentions of many forms at once: the same as each by itself, and made once."""

import numpy as np
import pytest
import torch
from PIL import Image

from training.data.scenes.features import SceneSet
from training.measure.frozen import in_form
from training.measure.marked_forms import MarkedForms
from training.measure.once import OnceSeen, OnceSegmented
from wikiclip.base.errors import WikiClipError
from wikiclip.model import WikiClip
from wikiclip.presets import MentionConfig, SemanticTokens
from wikiclip.segmenters import Box, open_segmenter

FORMS = (
    MentionConfig(margin=0.1, background=0.6),
    MentionConfig(form="both", margin=0.1, background=0.6),
    MentionConfig(form="tokens", background=0.6, tokens=SemanticTokens(weight=0.5)),
)


def other_pool(data):
    return next(pool for pool in data.pools if pool.photo == "other" and pool.stamps)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.form)
def test_all_forms_at_once_are_what_each_is_by_itself(small_scenes, tmp_path, form):
    forms, pool = MarkedForms(small_scenes, FORMS, most={}, kept=tmp_path), other_pool(small_scenes)
    found = forms.mentions(form, pool, "box")
    alone = in_form(small_scenes, form).queries([pool], test=True, mark="box")
    np.testing.assert_array_equal(found.record_Q, alone.record_Q)
    assert float(torch.cosine_similarity(found.pooled_QW, alone.pooled_QW).min()) > 0.999  # bfloat16, other batches
    assert len(list(tmp_path.iterdir())) == len(FORMS)


@pytest.mark.slow
def test_what_is_kept_is_not_made_again(small_scenes, tmp_path, monkeypatch):
    pool = other_pool(small_scenes)
    made = MarkedForms(small_scenes, FORMS[:2], most={"other": 2}, kept=tmp_path).mentions(FORMS[0], pool, "true")
    forms = MarkedForms(small_scenes, FORMS, most={"other": 2}, kept=tmp_path)
    composed = []
    scene = SceneSet.scene
    monkeypatch.setattr(SceneSet, "scene", lambda self, number: composed.append(number) or scene(self, number))
    again = forms.mentions(FORMS[1], pool, "true")
    assert not composed
    np.testing.assert_array_equal(again.record_Q, made.record_Q)
    assert torch.equal(forms.mentions(FORMS[0], pool, "true").pooled_QW, made.pooled_QW)
    forms.mentions(FORMS[2], pool, "true")
    assert composed == [0, 1], "a form that is new is made by itself"
    for content in (b"", b"hello", b"PK\x03\x04"):
        for path in tmp_path.iterdir():
            path.write_bytes(content)
        with pytest.raises(WikiClipError, match=r"npz holds no mentions; remove it"):
            forms.mentions(FORMS[0], pool, "true")


@pytest.mark.slow
def test_fewer_scenes_lie_evenly_among_all(small_scenes):
    pool = other_pool(small_scenes)
    every = small_scenes.scenes(pool, test=True, mark="true")
    some = SceneSet(**{**vars(every), "most": 2})
    more = SceneSet(**{**vars(every), "most": 10**6})
    assert (len(some), len(more)) == (2, len(every))
    half = every.scene(len(every) // 2)
    np.testing.assert_array_equal(np.asarray(some.scene(1).picture), np.asarray(half.picture))
    segmenter = open_segmenter("grabcut")
    boxed = SceneSet(**{**vars(some), "mark": "box"})
    for one, other in zip(
        boxed.marked(1, half, segmenter),
        SceneSet(**{**vars(every), "mark": "box"}).marked(len(every) // 2, half, segmenter),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_a_tower_sees_each_view_once(plain_preset, monkeypatch):
    plain = WikiClip(plain_preset).vision
    once = OnceSeen(plain)
    seen, see = [], plain.forward
    monkeypatch.setattr(plain, "forward", lambda pixels, inside=None: seen.append(len(pixels)) or see(pixels, inside))
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (3, 3, 32, 32), generator=generator, dtype=torch.uint8)
    expected = plain(pixels[[0, 1, 0, 2]])
    seen.clear()
    found = once(pixels[:2]), once(pixels[[0, 1, 0, 2]])
    assert seen == [2, 1]
    assert torch.cosine_similarity(found[1].pooled_BW, expected.pooled_BW).min() > 0.999
    weights_BP = torch.rand(4, 16, generator=generator)
    assert torch.equal(once.pool(expected, weights_BP), plain.pool(expected, weights_BP))
    once.forget()
    once(pixels[:1])
    assert seen == [2, 1, 1]


def test_a_segmenter_is_asked_once():
    grabcut = open_segmenter("grabcut")
    asked = []

    class Counting:
        method, side = grabcut.method, grabcut.side

        def segment(self, image, prompt, *, size=None):
            asked.append(prompt)
            return grabcut.segment(image, prompt, size=size)

    once = OnceSegmented(Counting())
    picture = np.full((48, 64, 3), 200, np.uint8)
    picture[10:30, 20:50] = 10
    for prompt in (None, None, Box(15, 5, 55, 35), None):
        first = once.segment(Image.fromarray(picture), prompt)
        np.testing.assert_array_equal(first[0], grabcut.segment(Image.fromarray(picture), prompt)[0])
    assert asked == [None, Box(15, 5, 55, 35)]
    once.forget()
    once.segment(Image.fromarray(picture), None)
    assert len(asked) == 3
