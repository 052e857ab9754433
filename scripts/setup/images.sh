# The base images: no registry is asked for any. Sourced by scripts/setup.sh.

# Each image carries a hash of how it was made, so that a change to this file makes it anew.
RECIPE_LABEL=holdfast.recipe

# Each tested major of PostgreSQL, and the Debian release that has it.
POSTGRES_MAJORS=(15:bookworm 17:trixie 18:sid)
NODE_IMAGE=localhost/holdfast-node-base:24
PGBOUNCER_IMAGE=localhost/holdfast-pgbouncer:17

made_by() {
  [ "$(podman image inspect --format "{{index .Labels \"$RECIPE_LABEL\"}}" "$1" 2>/dev/null)" = "$2" ]
}

# import_image TAR IMAGE RECIPE
import_image() {
  logged podman import --change "LABEL $RECIPE_LABEL=$3" "$1" "$2"
}

# Only /usr/local/bin/node, to be copied into images that run it.
need_node_image() {
  local node recipe stage
  node=$(cd "$ROOT" && npm_node) ||
    fail "node_modules has no Node 24. Remove the directory node_modules and try again."
  # The program's size and time stand for its content: hashing 120 MB at every start takes too long.
  recipe=$(stat --dereference --format '%s-%Y' "$node" | hash_of)
  made_by "$NODE_IMAGE" "$recipe" && return
  say "making the image $NODE_IMAGE; this takes a few seconds."
  stage=$(mktemp -d "$CACHE/node-image.XXXXXX")
  install -D -m 755 "$node" "$stage/root/usr/local/bin/node"
  logged tar --create --file "$stage/node.tar" --owner 0 --group 0 --directory "$stage/root" .
  import_image "$stage/node.tar" "$NODE_IMAGE" "$recipe"
  rm -rf "$stage"
}

# The path of npm's own node, past the link or script in .bin.
npm_node() {
  node_modules/.bin/node -e 'console.log(process.execPath); process.exit(process.version.startsWith("v24.") ? 0 : 1)'
}

# Prints the tested majors, with their releases, whose image is missing or made in another way.
missing_postgres_images() {
  local pair
  for pair in "${POSTGRES_MAJORS[@]}"; do
    made_by "$(postgres_image "$pair")" "$(postgres_recipe "$pair")" || echo "$pair"
  done
}

# need_postgres_images MAJOR:RELEASE… : may run beside other steps; then its log has to be its own.
need_postgres_images() {
  local pair
  for pair in "$@"; do
    make_postgres_image "$pair" || fail \
      "without the image $(postgres_image "$pair") no test that starts PostgreSQL ${pair%%:*} can run." \
      "It is made by mmdebstrap out of Debian's release ${pair##*:}, which wants apt-get, Debian's archive keys" \
      "and root. This is $(id -un), and apt-get is $(command -v apt-get || echo missing)."
  done
}

make_postgres_image() {
  local major=${1%%:*} release=${1##*:} image recipe tar
  image=$(postgres_image "$1")
  recipe=$(postgres_recipe "$1")
  tar=$CACHE/postgres-$major-$recipe.tar
  if [ ! -f "$tar" ]; then
    say "making a Debian file system ($release) with PostgreSQL $major; this takes one to two minutes."
    rm -f "$CACHE/postgres-$major"-*
    retried bootstrap_debian "$release" "$(postgres_packages "$major")" "$tar.partial" || return
    mv "$tar.partial" "$tar" || return
  fi
  say "importing it as the image $image; this takes about half a minute."
  import_image "$tar" "$image" "$recipe" || return
  logged podman --runtime runc run --rm --network host \
    --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 \
    "$image" "/usr/lib/postgresql/$major/bin/postgres" --version ||
    fail "The image $image was made, but podman cannot run it on this machine."
}

postgres_image() {
  echo "localhost/holdfast-postgres-base:${1%%:*}"
}

# Every locale, because a restore needs those of the server that was backed up.
postgres_packages() {
  echo "postgresql-$1,ca-certificates,tini,locales-all"
}

postgres_recipe() {
  { declare -f bootstrap_debian; echo "${1##*:} $(postgres_packages "${1%%:*}")"; } | hash_of
}

# bootstrap_debian RELEASE PACKAGES TAR
bootstrap_debian() {
  # The hooks' $1 is the new root. No cluster is made in it: whoever runs the image makes his own.
  # Files that nothing in a container reads stay out: manuals, translations, code for JIT inlining.
  # sid's lists count as expired after a week, which a mirror may be behind; they stay signed.
  mmdebstrap --quiet --variant=minbase --include="$2" --format=tar \
    --aptopt="Acquire::Check-Valid-Until \"$([ "$1" = sid ] && echo false || echo true)\"" \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/lib/postgresql/*/lib/bitcode/*' \
    --essential-hook='mkdir -p "$1/etc/postgresql-common"' \
    --essential-hook='echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/log/*' \
    "$1" "$3"
}

# What tests of poolers start: the image of PostgreSQL 17 with PgBouncer in it.
need_pgbouncer_image() {
  local base=17:trixie recipe containerfile
  containerfile="FROM $(postgres_image "$base")
RUN apt-get update && \\
    apt-get install --yes --no-install-recommends pgbouncer && rm -rf /var/lib/apt/lists/*"
  recipe=$(echo "$(postgres_recipe "$base") $containerfile" | hash_of)
  made_by "$PGBOUNCER_IMAGE" "$recipe" && return
  say "making the image $PGBOUNCER_IMAGE; this takes a few seconds."
  echo "$containerfile" >"$CACHE/pgbouncer.Containerfile"
  retried buildah bud --isolation chroot --network host \
    --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 \
    --label "$RECIPE_LABEL=$recipe" --tag "$PGBOUNCER_IMAGE" \
    --file "$CACHE/pgbouncer.Containerfile" "$(mktemp -d)"
}

hash_of() {
  sha256sum | cut -c 1-16
}
