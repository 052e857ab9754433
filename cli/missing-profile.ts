import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * What to do where `AWS_PROFILE` names a profile that is in none of this user's files: the SDK says only
 * that it found no Region, or no credentials.
 *
 * @returns `undefined` where it names none, or one that is there.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
export function missingProfile(env: Readonly<Record<string, string | undefined>>) {
  const { AWS_PROFILE: profile, HOME: home = homedir() } = env;
  if (profile === undefined || profile === '') return undefined;
  const config = env.AWS_CONFIG_FILE || join(home, '.aws', 'config');
  const credentials = env.AWS_SHARED_CREDENTIALS_FILE || join(home, '.aws', 'credentials');
  const there = [
    ...namesIn(config).flatMap(
      (name) => /^(?:profile\s+(.+)|(default))$/.exec(name)?.slice(1) ?? [],
    ),
    ...namesIn(credentials),
  ];
  if (there.includes(profile)) return undefined;
  return `AWS_PROFILE is "${profile}", and there is no such profile in ${config}: write it there, name another, or run this as the user whose it is.`;
}

/** Sections of a file; none where it cannot be read. */
function namesIn(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  return [...text.matchAll(/^\s*\[\s*([^\]]+?)\s*\]/gm)].map(([, name = '']) =>
    name.replace(/["']/g, ''),
  );
}
