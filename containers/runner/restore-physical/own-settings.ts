import { isAbsolute, relative } from 'node:path';
import { includesIn, settingIn } from './configuration-text.ts';
import { readKept } from './quarantine.ts';

const ARCHIVES = 'Make sure that the old server no longer archives there.';
/** Settings by which a server acts on others, unless they are empty, and what to do about each. */
const OUTWARD = {
  archive_command: ARCHIVES,
  archive_library: ARCHIVES,
  primary_conninfo: 'Without standby.signal it is not used; remove it.',
  synchronous_standby_names: 'Empty it, or commits hang until such a standby is there.',
} as const;
/** Settings that may name files outside of the data directory, which are in no backup. */
const FILES = [
  ...['hba_file', 'ident_file', 'external_pid_file', 'log_directory', 'krb_server_keyfile'],
  ...['ssl_cert_file', 'ssl_key_file', 'ssl_ca_file', 'ssl_crl_file', 'ssl_crl_dir'],
  'ssl_dh_params_file',
] as const;

/** What the source's configuration does to others. */
export async function outwardSettings(directory: string): Promise<string[]> {
  const text = await keptText(directory);
  return Object.entries(OUTWARD).flatMap(([name, todo]) => {
    const value = settingIn(text, name);
    return value === undefined || value === ''
      ? []
      : [`Its own configuration sets ${name}. ${todo}`];
  });
}

/** What the source's configuration reads or writes that lies elsewhere on its machine. */
export async function settingsElsewhere(directory: string): Promise<string[]> {
  const text = await keptText(directory);
  const warnings =
    (await readKept(directory, 'postgresql.conf')) === ''
      ? [
          'Its postgresql.conf is not in its data directory: look at the one it will be given, and that data_directory in it names this directory, and not that of another server.',
        ]
      : [];
  const set = FILES.map((name) => [name, settingIn(text, name) ?? ''] as const);
  const included = includesIn(text).map((path) => ['include', path] as const);
  const named = [...set, ...included]
    .filter(([, path]) => isElsewhere(path, directory))
    .map(([name, path]) => `${name} ${path}`);
  if (named.length === 0) return warnings;
  return [
    ...warnings,
    `Its own configuration names what lies outside of its data directory: ${named.join(', ')}. On the source's machine that is the source's; elsewhere it may be missing. Look at each before you start it.`,
  ];
}

/** Settings at which a server that recovers stops, and what a standby, which never should, has instead. */
const TARGETS = {
  recovery_target: '',
  recovery_target_lsn: '',
  recovery_target_name: '',
  recovery_target_time: '',
  recovery_target_xid: '',
  recovery_target_timeline: 'latest',
} as const;

/** What has to be set anew for a standby, because the source was once restored to some point itself. */
export async function leftoverTargets(directory: string): Promise<Record<string, string>> {
  const text = await keptText(directory);
  return Object.fromEntries(
    Object.entries(TARGETS).filter(([name, none]) => (settingIn(text, name) ?? none) !== none),
  );
}

async function keptText(directory: string): Promise<string> {
  const texts = [
    await readKept(directory, 'postgresql.conf'),
    await readKept(directory, 'postgresql.auto.conf'),
  ];
  return texts.join('\n');
}

function isElsewhere(path: string, directory: string): boolean {
  return isAbsolute(path) && relative(directory, path).startsWith('..');
}
