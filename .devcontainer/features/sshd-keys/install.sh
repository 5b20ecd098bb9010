#!/bin/sh
# Run as root while the image is built; the option arrives as PORT.
set -eu
if ! [ -x /usr/sbin/sshd ]; then
  apt-get update
  apt-get install -y --no-install-recommends openssh-server
  rm -rf /var/lib/apt/lists/*
fi
rm -f /etc/ssh/ssh_host_*
share=/usr/local/share/sshd-keys
install -d "$share"
install -m 0755 "$(dirname "$0")/start.sh" "$share/start.sh"
# sshd that is not root can only let in the user it runs as, and reads no password file.
cat > "$share/sshd_config" <<CONFIG
Port ${PORT:-2222}
ListenAddress 127.0.0.1
AllowUsers ${_REMOTE_USER:?}
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
UsePAM no
AuthorizedKeysFile .ssh/authorized_keys
AllowTcpForwarding local
AllowAgentForwarding no
X11Forwarding no
PermitTunnel no
Subsystem sftp internal-sftp
CONFIG
