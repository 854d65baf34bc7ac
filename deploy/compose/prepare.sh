#!/bin/sh
# Makes what compose.yaml needs and nobody else may know: secrets, and the switch's own settings.
# What is there stays as it is; run it as often as you like.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets

secret() {
  [ -s "secrets/$1" ] || od -An -tx1 -N24 /dev/urandom | tr -d ' \n' > "secrets/$1"
}
for name in database_password event_socket_password grafana_password; do secret "$name"; done
[ -s secrets/database_url ] \
  || printf 'postgresql://callbackd:%s@127.0.0.1:5432/callbackd' "$(cat secrets/database_password)" > secrets/database_url
# The directory is yours alone; each file is read by the user of its container.
chmod 0444 secrets/*

[ -e callback_vars.xml ] || install -m 0644 ../../fs-config/callback_vars.xml .
[ -e event_socket.conf.xml ] || {
  sed "s/CHANGE-ME/$(cat secrets/event_socket_password)/" ../../fs-config/autoload_configs/event_socket.conf.xml > event_socket.conf.xml
  chmod 0644 event_socket.conf.xml
}
echo "Now edit callback_vars.xml: your numbers, your trunks, and the address that they reach you at."
