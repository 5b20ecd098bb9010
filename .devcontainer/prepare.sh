#!/bin/bash
# Run as root in the development image's root file system once its packages are there.
set -euo pipefail
id node >/dev/null 2>&1 || useradd --uid 1000 --create-home --shell /bin/bash node
printf 'node ALL=(root) NOPASSWD: ALL\n' > /etc/sudoers.d/node
chmod 0440 /etc/sudoers.d/node
install -d -o node -g node /pnpm /pnpm/store
# Debian makes host keys when it installs sshd; in an image everybody would have the same.
rm -f /etc/ssh/ssh_host_*
