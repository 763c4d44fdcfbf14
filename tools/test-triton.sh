#!/usr/bin/env bash
# Tests the kernel of indexer/kinds/gpu/fused_maxima.py where torch brings no Triton: interpreted, with the package in $1,
# var/triton if left out. It takes 1 GB there and is kept; in the environment itself every process would import it.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-${WIKICLIP_HOME:-var}/triton}
python=.venv/bin/python

if ! [[ -d $folder/triton ]]; then
    rm -rf "$folder" "$folder.partial"
    "$python" -m pip --disable-pip-version-check install --quiet --no-compile --no-deps --target "$folder.partial" triton==3.9.0
    mv "$folder.partial" "$folder"
fi
PYTHONPATH=.:$folder TRITON_INTERPRET=1 OMP_NUM_THREADS=1 exec "$python" -m pytest -rs -p no:cacheprovider \
    --confcutdir=tests/indexer/kinds tests/indexer/kinds/gpu/test_fused_maxima.py
