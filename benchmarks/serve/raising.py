"""The service with an encoder that raises at whoever asks for so many candidates: `python -m ...raising --port N`."""

from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from indexer.linker import Linker, LinkQuery
from service.__main__ import app
from wikiclip.base.command import run

AT_TOP_K = 77  # candidates


def main() -> None:
    """Serves until it is stopped."""
    encode = Linker.encode

    def raising(self: Linker, questions: Sequence[LinkQuery]) -> NDArray[np.float32]:
        if any(question.top_k == AT_TOP_K for question in questions):
            raise RuntimeError("as it was asked to")
        return encode(self, questions)

    with patch.object(Linker, "encode", raising):
        run(app)


if __name__ == "__main__":
    main()
