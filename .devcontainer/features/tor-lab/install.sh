#!/bin/sh
# Run as root while the image is built.
set -eu
if ! command -v tor >/dev/null || ! command -v tor-gencert >/dev/null; then
  apt-get update
  apt-get install -y --no-install-recommends tor
  rm -rf /var/lib/apt/lists/*
fi
