/** Something of the dump that the restored database does not have. */
export interface NotRestored {
  readonly what: string;
  readonly why: string;
}
