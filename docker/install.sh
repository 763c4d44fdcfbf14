#!/bin/sh
# Installs what the image runs on, each file with a hash that is known beforehand: docker/requirements*.txt. $1 is the
# extra, cpu or gpu. TORCH_INDEX names another index for torch and torchvision, and TORCH_SHA256 the hashes of its files,
# as many as wanted; without these they are pinned by version alone.
set -eu

extra=$1
lists=$(dirname "$0")

install() {
    python -m pip install --no-deps --only-binary :all: "$@"
}

if [ -z "${TORCH_INDEX:-}" ]; then
    install --require-hashes --requirement "$lists/requirements-torch.txt"
else
    hashes=
    for hash in ${TORCH_SHA256:-}; do
        hashes="$hashes --hash=sha256:$hash"
    done
    torch=$(mktemp)
    sed -nE "s/^(torch(vision)?==[^ ]+) .*/\1$hashes/p" "$lists/requirements-torch.txt" >"$torch"
    install --index-url "$TORCH_INDEX" --requirement "$torch"
    rm "$torch"
fi
install --require-hashes --requirement "$lists/requirements.txt" --requirement "$lists/requirements-$extra.txt"
python -m pip check
