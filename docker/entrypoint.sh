#!/bin/sh
# `serve` serves the index that WIKICLIP_INDEX names, or the one that WIKICLIP_PULL_FROM points at, which the service pulls
# by itself, or else the default one, which the first start makes and a start after an upgrade makes again; a start that
# was cut off goes on where it was. Anything else is run as it is, such as `python -m indexer.build --kb jsonl ...`.
set -eu

if [ "${1:-serve}" != serve ]; then
    exec "$@"
fi

if [ -z "${WIKICLIP_INDEX:-}" ] && [ -z "${WIKICLIP_PULL_FROM:-}" ]; then
    unset WIKICLIP_INDEX
    if [ -n "${WIKICLIP_PRESET:-}" ] && [ "$WIKICLIP_PRESET" != tiny ]; then
        python -m wikiclip.make --preset "$WIKICLIP_PRESET"
        export WIKICLIP_MODEL="$WIKICLIP_PRESET" WIKICLIP_INDEX="$WIKICLIP_HOME/index-$WIKICLIP_PRESET"
    fi
    python -m indexer.default_data fetch
    python -m indexer.build --kb wikipedia --model "${WIKICLIP_MODEL:-tiny}" --keep-updates \
        ${WIKICLIP_INDEX:+--out "$WIKICLIP_INDEX"}
fi
exec python -m service --host 0.0.0.0 --port 8000
