#!/bin/bash
# rootfs.sh ARCHITECTURE IMAGE DEBS OUT: makes what an image adds to its distroless base, out of Debian's packages.
#
#   IMAGE/packages        a line a package (name, least version), or a file to take from them
#   IMAGE/base-libraries  the libraries the base image has
#   IMAGE/health.c        the image's health check, compiled to /usr/bin/health
#   DEBS                  a folder with the packages' files, one version of each
#
# With each file come exactly the libraries it needs, by the ELF files' own lists: the packages' Depends name more, and
# differ per architecture. A package that gave a file leaves its record where scanners look, in dpkg's status.d.
# The same packages and the same compiler give the same bytes; every time stamp is zero.
set -euo pipefail
export LC_ALL=C
architecture=$1 image=$2 debs=$3 out=$4
case $architecture in
  amd64) triplet=x86_64-linux-gnu ;;
  arm64) triplet=aarch64-linux-gnu ;;
  *) echo "rootfs.sh: no such architecture: $architecture" >&2 && exit 2 ;;
esac
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

deb_of() { # package
  find "$debs" -name "$1_*_$architecture.deb" -o -name "$1_*_all.deb" | grep . || { echo "rootfs.sh: no package $1" >&2 && exit 1; }
}

take() { # path: a file, what it links to, and the libraries they need
  local path=$1 from=$tree$1 library
  [ -e "$out$path" ] && return
  mkdir -p "$out${path%/*}"
  cp -P --preserve=mode "$from" "$out$path"
  if [ -L "$from" ]; then
    take "$(realpath -ms "${path%/*}/$(readlink "$from")")"
    return
  fi
  for library in $(readelf -dW "$from" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
    grep -qxF "$library" "$image/base-libraries" || take "/usr/lib/$triplet/$library"
  done
}

record() { # package: who gave what, if it gave anything
  local deb status=$out/var/lib/dpkg/status.d doc=usr/share/doc/$1/copyright
  deb=$(deb_of "$1")
  dpkg-deb --ctrl-tarfile "$deb" | tar -xO ./md5sums | while read -r sum path; do
    if [ -f "$out/$path" ]; then echo "$sum  $path"; fi
  done >"$tree/sums"
  [ -s "$tree/sums" ] || return 0
  install -D -m 644 "$tree/sums" "$status/$1.md5sums"
  dpkg-deb -f "$deb" >"$status/$1"
  if [ -f "$tree/$doc" ]; then install -D -m 644 "$tree/$doc" "$out/$doc"; fi
}

umask 022
rm -rf "$out"
mkdir -p "$out/usr/bin"
mapfile -t packages < <(grep -v '^[#/]' "$image/packages")
for line in "${packages[@]}"; do
  read -r package least <<<"$line"
  deb=$(deb_of "$package")
  version=$(dpkg-deb -f "$deb" Version)
  dpkg --compare-versions "$version" ge "${least:-0}" || { echo "rootfs.sh: $package $version is older than $least" >&2 && exit 1; }
  dpkg-deb -x "$deb" "$tree"
done
while read -r path; do take "$path"; done < <(grep '^/' "$image/packages")
for line in "${packages[@]}"; do record "${line%% *}"; done
command -v "$triplet-gcc" >/dev/null || { echo "rootfs.sh: no compiler: apt-get install gcc-${triplet/_/-}" >&2 && exit 1; }
"$triplet-gcc" -std=gnu17 -Os -static -s -Wall -Wextra -Werror -Wl,--build-id=none -o "$out/usr/bin/health" "$image/health.c"
find "$out" -exec touch -h -d @0 {} +
