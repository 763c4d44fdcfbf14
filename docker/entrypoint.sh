#!/bin/sh
# `serve` serves the index that WIKICLIP_INDEX names or, where it names none, the default one, which the first start makes
# and a start after an upgrade makes again; a start that was cut off goes on where it was. Anything else is run as it is,
# such as `python -m indexer.build --kb jsonl ...`.
set -eu

if [ "${1:-serve}" != serve ]; then
    exec "$@"
fi

if [ -z "${WIKICLIP_INDEX:-}" ]; then
    unset WIKICLIP_INDEX
    python -m indexer.default_data fetch
    python -m indexer.build --kb wikipedia
fi
exec python -m service --host 0.0.0.0 --port 8000
