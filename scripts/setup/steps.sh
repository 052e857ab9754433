# How the steps of the setup speak, run commands and fail. Sourced by scripts/setup.sh.

say() {
  WORKED=yes
  echo "setup: $*" >&2
}

# fail WHAT… : ends the setup.
fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# logged COMMAND… : runs it with its output in the log, of which the gist is shown when it fails.
logged() {
  printf '\n== %s\n' "$*" >>"$LOG"
  local from status=0
  from=$(wc -l <"$LOG")
  "$@" >>"$LOG" 2>&1 </dev/null || status=$?
  if [ "$status" = 0 ]; then return; fi
  {
    echo "setup: failed with status $status: $*"
    # Lines that name errors, for tools such as npm end with advice; then the end, for those that do not.
    # Without the addresses that package managers print: they are this machine's business.
    local said
    said=$(tail -n "+$((from + 1))" "$LOG" | sed -E 's#https?://[^/ ]+#…#g; s/^/setup:   /')
    grep -iE 'error|failed|denied|missing' <<<"$said" | head -n 10 || true
    echo "setup:   …"
    tail -n 12 <<<"$said"
    echo "setup: the whole log is $LOG"
  } >&2
  return "$status"
}

# retried COMMAND… : a second try after a pause, for what needs the network.
retried() {
  logged "$@" && return
  say "trying that once more in 10 s."
  sleep 10
  logged "$@"
}

# stamped FILE VERSION : whether the step that leaves FILE has been done for VERSION.
stamped() {
  [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]
}

# beside COMMAND… : starts it beside the steps that follow, with a log of its own. It ends with us.
beside() {
  # A group of its own, so that what it started can be ended with it.
  set -m
  (
    set +m
    LOG=$CACHE/setup-beside.log
    : >"$LOG"
    "$@"
  ) &
  set +m
  BESIDE=$!
  trap 'kill -TERM -- "-$BESIDE" 2>/dev/null || true' EXIT
}

# joined : waits for what `beside` started, and ends the setup if that failed.
joined() {
  [ -n "${BESIDE:-}" ] || return 0
  wait "$BESIDE" || exit 1
  trap - EXIT
}
