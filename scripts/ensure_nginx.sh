#!/usr/bin/env bash
# Prints the path of nginx; installs Debian's where it is missing and that is allowed.
# Exit code 1, with the reason on stderr: there is none and there will be none.
set -euo pipefail
PATH=$PATH:/usr/sbin:/usr/local/sbin

if command -v nginx; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "ensure_nginx: nginx is not installed, and there is no apt-get to install it with" >&2
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  echo "ensure_nginx: nginx is not installed, and only root can install it: apt-get install nginx" >&2
  exit 1
fi
# One installation at a time, whoever asks for what.
exec 9>/var/lock/nova-ensure
flock -w 90 9 || { echo "ensure_nginx: another installation does not end" >&2; exit 1; }
if command -v nginx; then exit 0; fi
# The package starts a server on port 80 unless it is told not to.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
install=(apt-get install -y -qq --no-install-recommends nginx)
if ! { "${install[@]}" || { apt-get update -qq && "${install[@]}"; }; } >/dev/null 2>&1; then
  echo "ensure_nginx: apt-get cannot install nginx" >&2
  exit 1
fi
command -v nginx
