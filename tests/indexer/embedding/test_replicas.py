from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from indexer.embedding.replicas import ON_A_GPU, Replicas, open_replicas
from tests.indexer.conftest import on_cpu
from wikiclip.base.errors import WikiClipError
from wikiclip.model import WikiClip

CPU = torch.device("cpu")
TEXTS = [f"bird {number}: {'feather ' * (number % 5)}" for number in range(10)]


def test_every_copy_gives_the_model_s_vectors_whichever_is_free(model: WikiClip, monkeypatch: pytest.MonkeyPatch):
    replicas = Replicas(model, [CPU, CPU])
    prepared = [replicas.prepare(text, None) for text in TEXTS]
    asked, encode_entities = [], WikiClip.encode_entities

    def note(self, entities):
        asked.append(id(self))
        return encode_entities(self, entities)

    monkeypatch.setattr(WikiClip, "encode_entities", note)
    with ThreadPoolExecutor(8) as pool:
        found_NM = np.concatenate(list(pool.map(lambda one: replicas.encode([one]), prepared)))
    assert len(set(asked)) == 2
    alone_NM = np.concatenate([on_cpu(model).encode([one]) for one in prepared])
    np.testing.assert_array_equal(found_NM, alone_NM)


def test_a_batch_that_fails_leaves_its_turn_to_the_next(model: WikiClip):
    replicas = Replicas(model, [CPU, CPU])
    for _ in range(3 * ON_A_GPU):
        with pytest.raises(AttributeError):
            replicas.encode(["no prepared entity"])
    assert replicas.encode([replicas.prepare("heron", None)]).shape == (1, model.mention_width)


def test_a_device_is_shared_by_a_few_batches_at_once(model: WikiClip, monkeypatch: pytest.MonkeyPatch):
    """Memory on a GPU is bounded however many threads cut pictures."""
    replicas = Replicas(model, [CPU, CPU])
    at_work, most, encode_entities = [], [], WikiClip.encode_entities

    def count(self, entities):
        at_work.append(id(self))
        most.append(at_work.count(id(self)))
        try:
            return encode_entities(self, entities)
        finally:
            at_work.remove(id(self))

    monkeypatch.setattr(WikiClip, "encode_entities", count)
    prepared = [replicas.prepare(text, None) for text in TEXTS]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda one: replicas.encode([one]), prepared))
    assert max(most) <= ON_A_GPU


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_a_gpu_that_is_asked_for_and_not_there_is_an_error_that_says_what_to_do(model: WikiClip):
    assert open_replicas(model, "auto").where == "the CPU"
    assert open_replicas(model, "cpu").where == "the CPU"
    with pytest.raises(WikiClipError, match="torch sees no GPU: look at the driver"):
        open_replicas(model, "gpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is there")
def test_gpus_give_the_vectors_of_the_processor(model: WikiClip):
    prepared = [model.prepare_entity(text, None) for text in TEXTS]
    on_cpu_NM = model.encode_entities(prepared)
    replicas = open_replicas(model, "gpu")
    assert "GPU" in replicas.where
    on_gpu_NM = replicas.encode(prepared)
    replicas.model.to("cpu")
    assert (on_cpu_NM * on_gpu_NM).sum(axis=1).min() > 0.999
