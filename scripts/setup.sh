#!/usr/bin/env bash
# Makes a machine ready to build Holdfast and to run its tests. Silent when everything is there.
#
# On Debian, as root, it installs what is missing; elsewhere it says what is missing and stops.
# What it builds lies outside the work tree, in $HOLDFAST_CACHE (default: ~/.cache/holdfast).
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${HOLDFAST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/holdfast}
mkdir -p "$CACHE"
CACHE=$(cd "$CACHE" && pwd)
LOG=$CACHE/setup.log

# One at a time: two would install the same packages over each other. flock keeps the lock itself
# (-o), because podman leaves processes behind that would hold on to it.
if [ "${1:-}" != --locked ]; then
  if ! command -v flock >/dev/null; then
    echo "setup: the program flock is missing; it is part of util-linux. Install that and try again." >&2
    exit 1
  fi
  if ! flock -n "$CACHE/setup.lock" true; then
    echo "setup: another setup is running; waiting for it." >&2
  fi
  exec flock -o "$CACHE/setup.lock" bash "${BASH_SOURCE[0]}" --locked
fi

source "$ROOT/scripts/setup/steps.sh"
source "$ROOT/scripts/setup/programs.sh"
source "$ROOT/scripts/setup/servers.sh"
source "$ROOT/scripts/setup/images.sh"

need_programs
# Beside the steps that download and compile other things: it is mostly waiting, too.
mapfile -t postgres_images < <(missing_postgres_images)
if [ ${#postgres_images[@]} -gt 0 ]; then
  say "making the images of PostgreSQL in the meantime: ${postgres_images[*]%%:*}."
  beside need_postgres_images "${postgres_images[@]}"
fi
need_node_modules
need_versitygw
need_moto
need_stock_tools
need_cfn_lint
need_node_image
joined
need_pgbouncer_image

if [ -n "${WORKED:-}" ]; then say "done after $SECONDS s."; fi
