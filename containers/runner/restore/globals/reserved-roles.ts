/** Roles that a provider keeps for itself: nobody else may make them, and elsewhere they mean nothing. */
const RESERVED: readonly RegExp[] = [
  // PostgreSQL's own.
  /^pg_/,
  /^rds(_.*|admin|repladmin|topmgr|proxyadmin|writeforwarduser)$/,
  /^cloudsql/,
  /^alloydb/,
  /^azure(su|_.*)$/,
  /^_aiven$/,
  /^(neon_superuser|cloud_admin)$/,
];

/** Whether a role of this name is a provider's (or PostgreSQL's) own. */
export function isReservedRole(name: string): boolean {
  return RESERVED.some((pattern) => pattern.test(name));
}
