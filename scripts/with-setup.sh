#!/usr/bin/env bash
# Usage: scripts/with-setup.sh COMMAND… : makes the machine ready, then becomes COMMAND, with the
# project's own programs first on PATH: its Node is 24, the machine's may be older.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bash "$root/scripts/setup.sh"
PATH="$root/node_modules/.bin:$PATH:/usr/sbin" exec "$@"
