import { HoldfastError } from './errors.ts';

/** What the image and the dump of one PostgreSQL major version are made with. */
export interface PostgresMajor {
  readonly major: number;
  /** Minor version that the image is made of. Raise it when PostgreSQL releases one. */
  readonly minor: number;
  /** Base image with the server's and the clients' programs. */
  readonly image: string;
  /** `pg_dump --compress` that costs the least time; zstd came with 16. */
  readonly compression: string;
  /** Whether the end-to-end tests run it, with real servers and its image; the README says the same. */
  readonly tested: boolean;
}

/** Every major that Holdfast supports; an older or newer one is refused by name. */
export const POSTGRES_MAJORS: readonly PostgresMajor[] = [
  supported(15, { minor: 20, compression: 'gzip:1', tested: true }),
  supported(16, { minor: 16, compression: 'zstd:1', tested: false }),
  supported(17, { minor: 12, compression: 'zstd:1', tested: true }),
  supported(18, { minor: 6, compression: 'zstd:1', tested: true }),
];

/** Where the image takes Node from. */
export const NODE_IMAGE = 'node:24-trixie-slim';

/**
 * Up to when Debian's packages in the image are mended. Raise it for fixes of Debian's between two minor
 * versions: it is a part of the image's hash, so that the next deployment makes the image anew.
 */
export const SNAPSHOT_DATE = '2026-11-21';

/** Build arguments of `containers/postgres/Dockerfile`. */
export const BuildArgument = {
  PostgresImage: 'POSTGRES_IMAGE',
  NodeImage: 'NODE_IMAGE',
  SnapshotDate: 'SNAPSHOT_DATE',
} as const;

/** The supported majors, for messages: `15, 16, 17, 18`. */
export function supportedMajors(): string {
  return POSTGRES_MAJORS.map(({ major }) => major).join(', ');
}

/** @throws HoldfastError CLIENT_MISSING for a major that no image serves. */
export function postgresMajor(major: number): PostgresMajor {
  const found = POSTGRES_MAJORS.find((entry) => entry.major === major);
  if (found !== undefined) return found;
  throw new HoldfastError(
    'CLIENT_MISSING',
    `PostgreSQL ${major} is not supported: there are images for ${supportedMajors()}.`,
    { hint: 'Upgrade the server, or use a version of Holdfast that supports its major.' },
  );
}

/** What to do about a server whose major is not the one that a cluster is configured for. */
export function whatServes(major: number): string {
  const found = POSTGRES_MAJORS.find((entry) => entry.major === major);
  if (found === undefined) {
    return `There are images for PostgreSQL ${supportedMajors()}: use a server of one of these.`;
  }
  return `Set the cluster's postgresMajor to ${major} and deploy again: its image is then made from ${found.image}.`;
}

function supported(
  major: number,
  rest: Pick<PostgresMajor, 'minor' | 'compression' | 'tested'>,
): PostgresMajor {
  return { major, image: `postgres:${major}.${rest.minor}-trixie`, ...rest };
}
