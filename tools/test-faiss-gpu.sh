#!/usr/bin/env bash
# Tests the code for FAISS's GPUs against the real faiss-gpu, with or without a GPU: in an environment of its own, because
# faiss-cpu provides the same module. $1 is its folder, var/faiss-gpu if left out; it takes 1.7 GB and is kept.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${1:-${WIKICLIP_HOME:-var}/faiss-gpu}
# Without torch: FAISS on GPUs must not need it. The rest is what an index on the disk is read and tested with.
needed=(faiss-gpu numpy pyarrow ijson pillow pydantic tqdm typer pytest pytest-timeout hypothesis)

bash tools/venv.sh "$venv" "${PYTHON:-python3}"
"$venv/bin/python" -m pip --disable-pip-version-check install --quiet --no-compile --constraint constraints.txt "${needed[@]}"
"$venv/bin/python" -c 'import faiss; print(f"FAISS {faiss.__version__}, {faiss.get_num_gpus()} GPUs, {faiss.get_compile_options()}")'
# The conftest files further up are for tests that need torch.
PYTHONPATH=. exec "$venv/bin/python" -m pytest -rs -p no:cacheprovider --confcutdir=tests/indexer/kinds \
    tests/indexer/kinds/gpu/test_faiss_exact.py tests/indexer/kinds/gpu/test_faiss_lists.py
