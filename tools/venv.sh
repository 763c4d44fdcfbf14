#!/usr/bin/env bash
# Makes the virtual environment $1 with the Python $2, or says in one line what is missing. Never needs root: where
# Debian's python3 comes without ensurepip (package python3-venv), pip is taken out of the package python3-pip-whl.
set -euo pipefail

venv=$1
python=$2

say() {
    echo "$*" >&2
    exit 1
}

command -v "$python" >/dev/null || say "There is no $python here. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.11"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    say "Python 3.11 or newer is needed and $python is $version. Name another: make PYTHON=/path/to/python3.11"

# An environment that works is kept, whoever made it; one that was cut off half-way is made again.
if "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    exit 0
fi

pip_from_debian() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    local work
    work=$(mktemp -d)
    # shellcheck disable=SC2064  # the folder of now, not of the time the trap fires
    trap "rm -rf '$work'" RETURN
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root"
    local apt=(apt-get -qq -o "Dir::State=$work" -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache"
        -o Dir::State::status=/var/lib/dpkg/status -o APT::Sandbox::User=root)
    "${apt[@]}" update >&2 || return 1
    (cd "$work" && "${apt[@]}" download python3-pip-whl >&2 && dpkg-deb -x python3-pip-whl_*.deb root) || return 1
    local wheels=("$work"/root/usr/share/python-wheels/pip-*.whl)
    "$python" -m venv --clear --without-pip "$venv" &&
        PYTHONPATH="${wheels[0]}" "$venv/bin/python" -m pip --quiet install --ignore-installed pip
}

if "$python" -c 'import ensurepip' 2>/dev/null && "$python" -m venv --clear "$venv"; then
    exit 0
fi
if "$python" -m virtualenv --version >/dev/null 2>&1 && "$python" -m virtualenv --quiet --clear "$venv"; then
    exit 0
fi
echo "$python has no ensurepip; taking pip from the Debian package python3-pip-whl ..." >&2
if pip_from_debian; then
    exit 0
fi
rm -rf "$venv"
say "$python cannot make virtual environments here. On Debian and Ubuntu: sudo apt install python3-venv"
