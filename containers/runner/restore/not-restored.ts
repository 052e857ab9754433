/** Something of the dump that the restored database does not have. */
export interface NotRestored {
  readonly what: string;
  readonly why: string;
  /** What makes it, where that can be made later as it is: a foreign key, a materialized view's rows. */
  readonly statement?: string;
}
