#!/usr/bin/env bash
# Installs, from Debian's packages, the programs that tests talk to and that are not there yet.
set -euo pipefail

missing=()
# needs PACKAGE COMMAND...: the package is missing where one of its commands is
needs() {
  local package=$1 command
  shift
  for command in "$@"; do
    command -v "$command" >/dev/null || { missing+=("$package"); return; }
  done
}
needs redis-tools redis-cli redis-benchmark
needs openssl openssl
# For `npm run interop`:
needs chromium chromium
needs haproxy haproxy
needs curl curl
needs socat socat
needs netcat-openbsd nc
needs tshark tshark
needs iproute2 ip
# For `npm run chaos`:
needs nftables nft
for module in websockets autobahn; do
  /usr/bin/python3 -c "import $module" 2>/dev/null || missing+=("python3-$module")
done
[ ${#missing[@]} = 0 ] && exit

root=()
[ "$(id -u)" = 0 ] || root=(sudo -n)
apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=180)
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null
