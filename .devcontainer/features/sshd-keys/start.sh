#!/bin/sh
# Run by the remote user, in the workspace, at every start of the container.
set -eu
state=$HOME/.local/state/sshd-keys
offered=.devcontainer/authorized_keys
accepted=$HOME/.ssh/authorized_keys
if [ -f "$offered" ]; then
  install -d -m 0700 "$HOME/.ssh"
  install -m 0600 "$offered" "$accepted"
fi
if ! [ -s "$accepted" ]; then
  echo "sshd is not started: put a public key into $offered and start the container again"
  exit 0
fi
install -d -m 0700 "$state"
# A host key of this container's own: none is in the image.
[ -f "$state/host_key" ] || ssh-keygen -q -t ed25519 -N '' -C lucid-devcontainer -f "$state/host_key"
if [ -f "$state/pid" ] && kill -0 "$(cat "$state/pid")" 2>/dev/null; then exit 0; fi
exec /usr/sbin/sshd -f /usr/local/share/sshd-keys/sshd_config -h "$state/host_key" -o "PidFile=$state/pid" -E "$state/log"
