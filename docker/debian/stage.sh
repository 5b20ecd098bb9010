#!/bin/bash
# stage.sh ARCHITECTURE IMAGE OUT: fetches IMAGE's packages and tools, in a stage on debian:trixie-slim, for rootfs.sh.
set -euo pipefail
architecture=$1 image=$2 out=$3
case $architecture in
  amd64) compiler=gcc-x86-64-linux-gnu ;;
  arm64) compiler=gcc-aarch64-linux-gnu ;;
  *) echo "stage.sh: no such architecture: $architecture" >&2 && exit 2 ;;
esac
debs=$(mktemp -d)
dpkg --add-architecture "$architecture"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends binutils "$compiler" "libc6-dev:$architecture" >/dev/null
mapfile -t packages < <(sed "/^[#/]/d; s/ .*//; s/\$/:$architecture/" "$image/packages")
(cd "$debs" && apt-get download -qq -o APT::Sandbox::User=root "${packages[@]}")
"$(dirname "$0")/rootfs.sh" "$architecture" "$image" "$debs" "$out"
