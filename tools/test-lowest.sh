#!/usr/bin/env bash
# Runs the quick tests with the lowest version of everything that pyproject.toml lets a user have, in an environment of
# its own. $1 is its folder, $2 is uv. torch and torchvision stay the pinned ones, since each further version of them is
# some gigabytes; the tools that test are the pinned ones, too, and what dependencies depend on is the newest that fits.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$1
uv=$2
pip=("$venv/bin/python" -m pip --disable-pip-version-check install --quiet --no-compile)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

bash tools/venv.sh "$venv" "${PYTHON:-python3}"
grep -E '^torch(vision)?==' constraints.txt >"$work/torch.txt"
# schemathesis is left out, because it needs newer versions itself; its test says so and is skipped.
grep -E '^(pytest|pytest-timeout|hypothesis|playwright|axe-playwright-python|moto|boto3|Flask|flask-cors|kubernetes-validate)==' constraints.txt >"$work/tools.txt"
"$uv" pip compile pyproject.toml "$work/tools.txt" --extra cpu --extra tiny --extra train --extra sign --extra otel --extra ray \
    --resolution lowest-direct --override "$work/torch.txt" --python "$venv/bin/python" \
    --quiet --no-header --no-annotate --output-file "$work/lowest.txt"

index=()
if [[ -n ${TORCH_INDEX:-} ]]; then
    index=(--index-url "$TORCH_INDEX")
fi
"${pip[@]}" --no-deps "${index[@]}" --requirement "$work/torch.txt"
"${pip[@]}" --constraint "$work/lowest.txt" --requirement "$work/tools.txt" \
    --editable '.[cpu,tiny,train,sign,otel,ray]'
# Two tests ask whether what is installed is what constraints.txt pins.
HF_HUB_OFFLINE=1 "$venv/bin/python" -m pytest -q -m 'not slow' \
    --deselect tests/test_packaging.py::test_pins_cover_everything_that_gets_installed \
    --deselect tests/test_locks.py::test_what_that_asks_for_is_locked_too
