#!/usr/bin/env bash
# What `npm test` runs once the machine is ready: types, lint, the image's bundles, all tests.
# Arguments go to vitest: `npm test -- test/vault`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tsc -p .
biome check .
node scripts/build.ts
exec vitest run "$@"
