#!/usr/bin/env bash
# Gets the browser that the page is tested in: the system's Chromium if there is one, else Debian's package where that can
# be installed, else Playwright's own build. $1 is the Python that has Playwright. Without a browser the tests of the page
# are left out and say so, and fail where CI=true.
set -euo pipefail

python=$1

for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then
        exit 0
    fi
done
if "$python" -c '
import os, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    sys.exit(not os.path.isfile(playwright.chromium.executable_path))
'; then
    exit 0
fi
if [[ $EUID -eq 0 ]] && command -v apt-get >/dev/null; then
    echo 'Installing Chromium, in which the page is tested ...' >&2
    if apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends chromium >/dev/null; then
        exit 0
    fi
fi
"$python" -m playwright install chromium ||
    echo 'There is no Chromium here and none could be fetched: the tests of the page are left out.' >&2
