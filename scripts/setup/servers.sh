# The servers of the local cloud that are not containers, the programs that read its vault without any
# software of ours, and the one that reads our templates. Sourced by scripts/setup.sh.

VERSITYGW_VERSION=v1.8.0
MOTO_VERSION=5.2.5
AWS_CLI_VERSION=1.46.2
AWS_ENCRYPTION_CLI_VERSION=4.3.0
CFN_LINT_VERSION=1.58.0

have_versitygw() {
  [ -x "$CACHE/bin/versitygw" ] && stamped "$CACHE/bin/versitygw.version" "$VERSITYGW_VERSION"
}

need_versitygw() {
  have_versitygw && return
  say "building versitygw $VERSITYGW_VERSION, an S3 server with Object Lock; this takes one to two minutes."
  mkdir -p "$CACHE/bin"
  retried env GOBIN="$CACHE/bin" \
    go install "github.com/versity/versitygw/cmd/versitygw@$VERSITYGW_VERSION"
  echo "$VERSITYGW_VERSION" >"$CACHE/bin/versitygw.version"
}

need_moto() {
  local stamp=$CACHE/moto/holdfast-version
  stamped "$stamp" "$MOTO_VERSION" && return
  say "installing moto $MOTO_VERSION, a stand-in for AWS's control plane; this takes up to a minute."
  rm -rf "$CACHE/moto"
  logged python3 -m venv "$CACHE/moto"
  retried "$CACHE/moto/bin/pip" install --disable-pip-version-check "moto[server]==$MOTO_VERSION"
  echo "$MOTO_VERSION" >"$stamp"
}

# The restore without our software (docs/FORMAT.md) is tested with these; so is the benchmark's rival.
need_stock_tools() {
  local stamp=$CACHE/stock-tools/holdfast-version
  local versions="awscli==$AWS_CLI_VERSION aws-encryption-sdk-cli==$AWS_ENCRYPTION_CLI_VERSION"
  stamped "$stamp" "$versions" && return
  say "installing the aws command and aws-encryption-cli; this takes up to a minute."
  rm -rf "$CACHE/stock-tools"
  logged python3 -m venv "$CACHE/stock-tools"
  # Word by word.
  # shellcheck disable=SC2086
  retried "$CACHE/stock-tools/bin/pip" install --disable-pip-version-check $versions
  echo "$versions" >"$stamp"
}

# CloudFormation's own rules for templates, which the tests hold ours to.
need_cfn_lint() {
  local stamp=$CACHE/cfn-lint/holdfast-version
  stamped "$stamp" "$CFN_LINT_VERSION" && return
  say "installing cfn-lint $CFN_LINT_VERSION; this takes up to a minute."
  rm -rf "$CACHE/cfn-lint"
  logged python3 -m venv "$CACHE/cfn-lint"
  retried "$CACHE/cfn-lint/bin/pip" install --disable-pip-version-check "cfn-lint==$CFN_LINT_VERSION"
  echo "$CFN_LINT_VERSION" >"$stamp"
}
