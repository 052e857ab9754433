/** What runs inside the containers: each ends by serving. */

/** Where a server keeps its data, inside its container. */
export const DATA = '/var/lib/postgresql/data';

/** Where tablespaces may lie, inside its container: a directory each, of the server's own making. */
export const TABLESPACES = '/var/lib/postgresql/tablespaces';

/** As root: hands the mounted certificate to the server's user, for the key must be his alone. */
const PREPARE = `set -eu
install -d -o postgres -g postgres -m 700 ${DATA} /var/lib/postgresql/tls
install -d -o postgres -g postgres -m 775 /run/postgresql
install -d -o postgres -g postgres -m 700 ${TABLESPACES}
for file in ca.pem server.pem server.key; do
  install -o postgres -g postgres -m 600 "/certificates/$file" /var/lib/postgresql/tls/
done
# libpq looks for a client certificate in HOME, and root's is closed to it.
export HOME=/var/lib/postgresql
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
cd /var/lib/postgresql
`;

const SETTINGS = `listen_addresses = '127.0.0.1'
ssl = on
ssl_cert_file = '/var/lib/postgresql/tls/server.pem'
ssl_key_file = '/var/lib/postgresql/tls/server.key'
password_encryption = 'scram-sha-256'
unix_socket_directories = '/run/postgresql'
shared_buffers = '64MB'
max_connections = 60
# A dump locks every table: room for some ten thousand.
max_locks_per_transaction = 256
fsync = off
wal_level = replica
max_wal_senders = 10
max_replication_slots = 10
max_slot_wal_keep_size = '2GB'
hot_standby = on
wal_receiver_status_interval = '1s'
log_line_prefix = '%m [%p] %q%u@%d '
timezone = 'UTC'
log_timezone = 'UTC'
`;

/** TCP only with TLS and a password. */
const HBA = `local all all trust
hostssl all all 127.0.0.1/32 scram-sha-256
hostssl replication all 127.0.0.1/32 scram-sha-256
`;

/** Incremental base backups rest on the summaries, which 17 brought. */
function settings(major: number): string {
  return major < 17 ? SETTINGS : `${SETTINGS}summarize_wal = on\n`;
}

function programs(major: number): string {
  return `/usr/lib/postgresql/${major}/bin`;
}

function serve(major: number): string {
  return `# Killed, the server is started again once all that was its own is gone; any other end is the end.
while :; do
  status=0
  as_postgres ${programs(major)}/postgres -D ${DATA} -p "$PORT" || status=$?
  [ "$status" -eq 137 ] || exit "$status"
  while as_postgres sh -c 'kill -0 -1' 2>/dev/null; do sleep 0.05; done
done`;
}

/** Expects PORT and PASSWORD in the environment. */
export function primaryScript(major: number): string {
  return `${PREPARE}
if [ ! -s ${DATA}/PG_VERSION ]; then
printf '%s' "$PASSWORD" > /run/postgresql/password
chown postgres /run/postgresql/password
as_postgres ${programs(major)}/initdb --no-sync --no-instructions --data-checksums -D ${DATA} -U postgres \\
  --pwfile=/run/postgresql/password --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
rm /run/postgresql/password
cat >> ${DATA}/postgresql.conf <<'END'
${settings(major)}END
cat > ${DATA}/pg_hba.conf <<'END'
${HBA}END
fi
${serve(major)}
`;
}

/**
 * Expects PORT, PRIMARY_PORT and PGPASSWORD in the environment.
 *
 * @param slot the physical slot that it makes, and its application_name.
 */
export function standbyScript(major: number, slot = 'standby'): string {
  return `${PREPARE}
if [ ! -s ${DATA}/PG_VERSION ]; then
as_postgres ${programs(major)}/pg_basebackup --no-sync --checkpoint=fast -X stream -R -C -S ${slot} -D ${DATA} \\
  -d "${primaryConninfo(slot)}"
fi
# Kept data knows the port that the primary had then.
sed -i "s/port=[0-9]*/port=$PRIMARY_PORT/" ${DATA}/postgresql.auto.conf
unset PGPASSWORD
${serve(major)}
`;
}

/**
 * A standby that no primary streams to: it has the WAL that is put into /archive, and no other.
 * Expects PORT, PRIMARY_PORT and PGPASSWORD in the environment.
 */
export function archiveStandbyScript(major: number): string {
  return `${PREPARE}
as_postgres ${programs(major)}/pg_basebackup --no-sync --checkpoint=fast -X fetch -D ${DATA} \\
  -d "${primaryConninfo('archive')}"
as_postgres touch ${DATA}/standby.signal
cat >> ${DATA}/postgresql.conf <<'END'
restore_command = 'cp /archive/%f %p'
wal_retrieve_retry_interval = '100ms'
END
unset PGPASSWORD
${serve(major)}
`;
}

function primaryConninfo(name: string): string {
  return `host=127.0.0.1 port=$PRIMARY_PORT user=postgres sslmode=verify-full sslrootcert=/var/lib/postgresql/tls/ca.pem application_name=${name}`;
}
