#!/usr/bin/env bash
# Try the modern stack with its pipeline on Debian 13: a folder with a fresh Debian (debootstrap), this checkout in it,
# `make run`, and the whole suite. Needs root and Debian's archive; takes 5 GB and, with the suite, an hour.
#
#   scripts/try_debian13.sh                  make run, then make test
#   scripts/try_debian13.sh run              make run only (or any other targets of the Makefile)
#
# Nothing is left: what is mounted in the folder is unmounted, and the folder deleted.
set -euo pipefail
checkout=$(cd "$(dirname "$0")/.." && pwd)
root=$(mktemp -d "${TMPDIR:-/tmp}/debian13.XXXXXX")
mounted=()

leave() {
    for place in "${mounted[@]}"; do umount "$place" || umount -l "$place"; done
    # Never into what is still mounted: then the folder stays, and is named.
    if grep -q " $root/" /proc/mounts; then
        echo "still mounted: $(grep " $root/" /proc/mounts)" >&2
    else
        rm -rf --one-file-system "$root" "$root.log"
    fi
}
trap leave EXIT

certificates=/etc/ssl/certs/ca-certificates.crt  # this machine's, which its network may need
inside() {
    chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        SSL_CERT_FILE=$certificates PIP_CERT=$certificates TF_CPP_MIN_LOG_LEVEL=3 DEBIAN_FRONTEND=noninteractive \
        "${proxies[@]}" "$@"
}
mapfile -t proxies < <(env | grep -iE '^(https?|no)_proxy=' || true)

command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -qq debootstrap; }
tools=python3,python3-venv,python3-dev,gcc,g++,make,git,ca-certificates
# DEBIAN_ARCHIVE: another address of Debian's archive than debootstrap's own.
if ! debootstrap --variant=minbase --include="$tools" trixie "$root" ${DEBIAN_ARCHIVE:-} >"$root.log"; then
    tail -20 "$root.log" >&2
    exit 1
fi
mount -t proc proc "$root/proc" && mounted=("$root/proc")
for name in dev sys; do
    mount --bind "/$name" "$root/$name" && mounted=("$root/$name" "${mounted[@]}")
done
cp /etc/resolv.conf /etc/hosts "$root/etc/"
cp "$certificates" "$root$certificates"

# Some tests skip themselves without these two, as in .ci/run.
inside apt-get update -qq
inside apt-get install -y -qq --no-install-recommends chromium mariadb-server >>"$root.log" 2>&1

git clone --quiet "$checkout" "$root/srv/project"
for target in ${*:-run test}; do
    echo "=== make $target, on $(inside python3 --version), $(inside getconf GNU_LIBC_VERSION)" >&2
    inside make -C /srv/project "$target"
done
