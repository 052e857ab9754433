import { z } from 'zod';
import { HoldfastError } from './errors.ts';

/** What a cluster's secret says: where its servers are, in order of preference. */
export interface ConnectionSecret {
  /** Connection URIs with credentials, replica first. Never print them. */
  readonly uris: readonly string[];
  /** PEM of the authority that signed the servers' certificates, where it is not a public one. */
  readonly ca?: string;
}

const Uri = z.string().regex(/^postgres(ql)?:\/\//);

const SecretObject = z
  .object({
    replica: Uri.optional(),
    primary: Uri.optional(),
    uris: z.array(Uri).min(1).optional(),
    ca: z.string().includes('-----BEGIN CERTIFICATE-----').optional(),
  })
  .refine((secret) => secret.replica ?? secret.primary ?? secret.uris);

/** The shape that RDS writes: one endpoint with its parts. */
const RdsSecret = z.object({
  engine: z.string().optional(),
  host: z.string().min(1),
  port: z.union([z.int(), z.string().regex(/^\d+$/)]).default(5432),
  username: z.string().min(1),
  password: z.string(),
  dbname: z.string().default('postgres'),
  ca: z.string().optional(),
});

/**
 * Reads a secret: a single URI; JSON with `replica`, `primary` or `uris`, and optionally `ca`;
 * or the shape that RDS keeps. Errors name the shape and never the content.
 *
 * @throws HoldfastError SECRET_INVALID
 */
export function parseConnectionSecret(text: string): ConnectionSecret {
  const trimmed = text.trim();
  if (Uri.safeParse(trimmed).success) return { uris: [trimmed] };
  const value = parseJson(trimmed);
  const object = SecretObject.safeParse(value);
  if (object.success) {
    const { replica, primary, uris = [], ca } = object.data;
    const all = [replica, ...uris, primary].filter((uri) => uri !== undefined);
    return { uris: [...new Set(all)], ...(ca === undefined ? {} : { ca }) };
  }
  const rds = RdsSecret.safeParse(value);
  if (rds.success) {
    const { username, password, host, port, dbname, ca } = rds.data;
    const credentials = `${encodeURIComponent(username)}:${encodeURIComponent(password)}`;
    const uri = `postgresql://${credentials}@${host}:${port}/${encodeURIComponent(dbname)}`;
    return { uris: [uri], ...(ca === undefined ? {} : { ca }) };
  }
  throw invalid('it has none of the known shapes');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, and the text is a secret.
    throw invalid('it is neither a postgresql:// URI nor JSON');
  }
}

function invalid(found: string): HoldfastError {
  return new HoldfastError(
    'SECRET_INVALID',
    `The secret with the connection URIs is malformed: ${found}.`,
    {
      hint: 'Store {"replica":"postgresql://…","primary":"postgresql://…"}, {"uris":["postgresql://…"]}, one URI, or the shape of an RDS secret.',
    },
  );
}
