#!/usr/bin/env bash
# What `npm test` runs once the machine is ready. Arguments go to vitest: `npm test -- test/vault`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/check.sh
node scripts/build.ts
exec vitest run "$@"
