#!/usr/bin/env bash
# Gets the proxy that replicas are tested behind: the system's nginx if there is one, else Debian's package, unpacked into
# $1 and not installed. Without one its tests are left out and say so, and fail where CI=true.
set -euo pipefail

target=$1

if command -v nginx >/dev/null || [[ -x /usr/sbin/nginx || -x $target/usr/sbin/nginx ]]; then
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{state/lists/partial,cache/archives/partial,packages,root}
apt=(-qq -o "Dir::State=$work/state" -o "Dir::Cache=$work/cache" -o Dir::State::status=/var/lib/dpkg/status)
[[ $EUID -ne 0 ]] || apt+=(-o APT::Sandbox::User=root)
if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null && apt-get "${apt[@]}" update &&
    (cd "$work/packages" && apt-get "${apt[@]}" download nginx libpcre2-8-0); then
    for package in "$work"/packages/*.deb; do
        dpkg-deb --extract "$package" "$work/root"
    done
    mkdir -p "$(dirname "$target")"
    rm -rf "$target"
    mv "$work/root" "$target"
else
    echo 'There is no nginx here and none could be fetched: the tests of replicas are left out.' >&2
fi
