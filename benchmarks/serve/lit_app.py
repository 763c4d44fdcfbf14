"""LitServe around the same encoder and index, with its own batching."""

import base64
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import litserve
import torch

from indexer.linker import Found, Linker, LinkQuery
from service.settings import Settings
from wikiclip.base.machine import cores
from wikiclip.pictures import PictureLimits

BATCH, WAIT_S = 16, 0.005


class Linking(litserve.LitAPI):  # type: ignore[misc, unused-ignore]  # has no types, and need not be installed
    """Decodes and answers in LitServe's worker, a batch at a time."""

    def setup(self, device: str) -> None:
        torch.set_num_threads(cores())
        home = Path(sys.argv[2])
        self.linker = Linker.open(sys.argv[1], home, limits=PictureLimits(), threads=cores(), device=Settings().device)

    def decode_request(self, request: dict[str, Any]) -> LinkQuery:
        image = base64.b64decode(request["image"])
        return self.linker.prepare(image, [request.get("region")], top_k=request.get("top_k", 10))

    def batch(self, inputs: Sequence[LinkQuery]) -> list[LinkQuery]:
        return list(inputs)

    def predict(self, questions: list[LinkQuery]) -> list[Found]:
        found = self.linker.search(self.linker.encode(questions), questions)
        return [of_mentions[0] for of_mentions in found]

    def unbatch(self, output: list[Found]) -> list[Found]:
        return output

    def encode_response(self, output: Found) -> dict[str, object]:
        return {"candidates": [{"title": found.entity.title, "score": found.score} for found in output.candidates]}


if __name__ == "__main__":
    api = Linking(max_batch_size=BATCH, batch_timeout=WAIT_S, api_path="/link")
    litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=120).run(
        host="127.0.0.1", port=int(sys.argv[3]), log_level="warning", generate_client_file=False
    )
