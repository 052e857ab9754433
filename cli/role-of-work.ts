import {
  pushRoleName,
  pushRolePath,
  restoreRoleName,
  restoreRolePath,
} from '../contract/environment-names.ts';
import { HoldfastError } from '../contract/errors.ts';

/** Under which role a command works, in words. */
type Role = string;

/** Of everything that reads the vault: it alone may decrypt. */
export function restoreRole(environment: string): Role {
  return `${restoreRolePath().slice(1)}${restoreRoleName(environment)}`;
}

/** Of a host that pushes its WAL. */
export function pushRole(environment: string, cluster: string): Role {
  return `${pushRolePath().slice(1)}${pushRoleName(environment, cluster)} (docs/reference.md, "A host that pushes its WAL")`;
}

/**
 * Does it, and says of what it was denied whose right it is: a person mostly runs it under another role,
 * an administrator's even, and must not widen policies for that.
 */
export async function workUnder<T>(role: Role, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw deniedBut(role, error);
  }
}

/** The same of an error that was caught; others are as they were. */
export function deniedBut<Thrown>(role: Role, thrown: Thrown): Thrown | HoldfastError {
  if (!(thrown instanceof HoldfastError) || thrown.code !== 'VAULT_DENIED') return thrown;
  const hint = `This takes the role ${role}: run it under that (AWS_PROFILE), and give its rights to no other. If it runs under that: ${thrown.hint}`;
  return new HoldfastError('VAULT_DENIED', thrown.message, { hint, cause: thrown.cause });
}
