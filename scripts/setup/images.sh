# The base images: no registry is asked for any. Sourced by scripts/setup.sh.

# Each image carries a hash of how it was made, so that a change to this file makes it anew.
RECIPE_LABEL=holdfast.recipe

POSTGRES_IMAGE=localhost/holdfast-postgres-base:17
# Every locale, because a restore needs those of the server that was backed up.
POSTGRES_PACKAGES=postgresql-17,ca-certificates,tini,locales-all
NODE_IMAGE=localhost/holdfast-node-base:24

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

need_postgres_image() {
  local recipe tar
  recipe=$(declare -f bootstrap_debian | cat - <(echo "$POSTGRES_PACKAGES") | hash_of)
  made_by "$POSTGRES_IMAGE" "$recipe" && return
  tar=$CACHE/postgres-17-$recipe.tar
  if [ ! -f "$tar" ]; then
    say "making a Debian file system with PostgreSQL 17; this takes one to two minutes."
    rm -f "$CACHE"/postgres-17-*
    retried bootstrap_debian "$tar.partial"
    mv "$tar.partial" "$tar"
  fi
  say "importing it as the image $POSTGRES_IMAGE; this takes about half a minute."
  import_image "$tar" "$POSTGRES_IMAGE" "$recipe"
  logged podman --runtime runc run --rm --network host \
    --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 \
    "$POSTGRES_IMAGE" /usr/lib/postgresql/17/bin/postgres --version ||
    fail "The image was made, but podman cannot run it on this machine."
}

bootstrap_debian() {
  # The hooks' $1 is the new root. No cluster is made in it: whoever runs the image makes his own.
  # Files that nothing in a container reads stay out: manuals, translations, code for JIT inlining.
  mmdebstrap --quiet --variant=minbase --include="$POSTGRES_PACKAGES" --format=tar \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/lib/postgresql/*/lib/bitcode/*' \
    --essential-hook='mkdir -p "$1/etc/postgresql-common"' \
    --essential-hook='echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/log/*' \
    trixie "$1"
}

hash_of() {
  sha256sum | cut -c 1-16
}
