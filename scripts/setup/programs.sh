# Programs and libraries from elsewhere. Sourced by scripts/setup.sh.

# What is run, and the Debian package that has it.
PROGRAMS=(
  podman:podman buildah:buildah runc:runc mmdebstrap:mmdebstrap
  openssl:openssl python3:python3 setpriv:util-linux jq:jq zstd:zstd
)

# versitygw wants Go 1.25; from 1.21 on, Go fetches a newer one by itself.
GO_MINIMUM=1.21

need_programs() {
  # runc lies in /usr/sbin, which is not on every user's PATH.
  PATH=$PATH:/usr/sbin:/sbin
  local missing=() packages=() pair
  for pair in "${PROGRAMS[@]}"; do
    command -v "${pair%%:*}" >/dev/null && continue
    missing+=("${pair%%:*}")
    packages+=("${pair##*:}")
  done
  # Debian splits off what `python3 -m venv` needs.
  if ! [ -x "$CACHE/moto/bin/python" -a -x "$CACHE/stock-tools/bin/python" -a -x "$CACHE/cfn-lint/bin/python" ] && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    missing+=("python3's venv")
    packages+=(python3-venv)
  fi
  if [ ${#packages[@]} -gt 0 ]; then install_packages; fi
  need_go
  command -v npm >/dev/null || fail \
    "npm is missing. Install Node.js 20 or newer with npm; Holdfast brings Node 24 by itself."
}

# Uses the caller's `missing` and `packages`.
install_packages() {
  if ! command -v apt-get >/dev/null; then
    fail "missing: ${missing[*]}" \
      "This system has no apt-get. Install them with its own package manager;" \
      "on Debian their packages are: ${packages[*]}"
  fi
  if [ "$(id -u)" != 0 ]; then
    fail "missing: ${missing[*]}" \
      "Run as root: apt-get update && apt-get install --no-install-recommends ${packages[*]}"
  fi
  say "installing ${packages[*]} with apt-get; this takes up to a minute."
  retried apt-get update
  retried env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends "${packages[@]}"
}

need_go() {
  have_versitygw && return
  # Where Go's own archive is unpacked, which is not on PATH by itself.
  command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
  local found
  found=$(go version 2>/dev/null | sed -nE 's/^go version go([0-9.]+).*/\1/p')
  at_least "$found" "$GO_MINIMUM" && return
  local offered=
  if command -v apt-cache >/dev/null && [ "$(id -u)" = 0 ]; then
    offered=$(apt-cache policy golang-go | sed -nE 's/^ *Candidate: ([0-9]+:)?([0-9.]+).*/\2/p')
  fi
  if ! at_least "$offered" "$GO_MINIMUM"; then
    fail "Go $GO_MINIMUM or newer is needed to build versitygw; found: ${found:-none}; apt-get offers: ${offered:-none}." \
      "Unpack a release of Go into /usr/local/go, or put its 'go' on PATH, and try again."
  fi
  local missing=(go) packages=(golang-go)
  install_packages
}

# at_least FOUND MINIMUM : compares versions; an empty FOUND is none.
at_least() {
  [ -n "$1" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]
}

need_node_modules() {
  local lock stamp=$ROOT/node_modules/.holdfast-lock installed=$ROOT/node_modules/.package-lock.json
  lock=$(sha256sum <"$ROOT/package-lock.json")
  stamped "$stamp" "$lock" && return
  # Somebody ran npm by hand: it leaves its own record, newer than the lock file that it followed.
  if [ -f "$stamp" ] || [ ! "$installed" -nt "$ROOT/package-lock.json" ]; then
    say "installing the libraries with npm ci; this takes up to a minute."
    (cd "$ROOT" && retried npm ci --no-audit --no-fund)
  fi
  echo "$lock" >"$stamp"
}
