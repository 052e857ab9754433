#!/usr/bin/env bash
# What `npm run check` runs: types, lint and format. Needs the libraries and nothing else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -x node_modules/.bin/tsc ] || npm ci --no-audit --no-fund
PATH=$PWD/node_modules/.bin:$PATH
tsc -p .
biome check .
