/**
 * Attributes of an item in the table of leases. One item per cluster: whoever's name stands in it, and
 * whose time is not over, streams that cluster's WAL.
 */
export const LeaseAttribute = {
  /** Partition key: the cluster's name, a string. */
  Cluster: 'cluster',
  /** Who holds the lease: text that no other task has. */
  Owner: 'owner',
  /** When it ends unless it is renewed. Milliseconds since 1970, a number. */
  ExpiresAt: 'expiresAt',
} as const;

/** How long a lease holds without being renewed. Seconds. */
export const LEASE_SECONDS = 30;

/** How often it is renewed. Seconds. */
export const LEASE_RENEWAL_SECONDS = 10;
