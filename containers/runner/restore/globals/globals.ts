/** A role as `pg_dumpall` writes it. */
export interface GlobalRole {
  readonly name: string;
  /** Attributes as `CREATE ROLE` takes them, without those that are its defaults: `LOGIN`, `CONNECTION LIMIT 7`. */
  readonly attributes: readonly string[];
  readonly hasPassword: boolean;
}

/** `GRANT role TO member …` */
export interface Membership {
  readonly role: string;
  readonly member: string;
  /** The statement, without its grantor. */
  readonly statement: string;
  readonly grantedBy: string | undefined;
}

/** A statement about one thing: a role's setting, comment or label, a right. */
export interface GlobalStatement {
  /** What it is about, for people; holds no value. */
  readonly what: string;
  /** Roles that it changes; none where they are not named, as with `PUBLIC`. */
  readonly roles: readonly string[];
  /** The tablespace that it is about. */
  readonly tablespace?: string;
  /** The setting that it makes, if it is one. */
  readonly setting?: GlobalSetting;
  readonly sql: string;
  /** Who granted it, where that is not the owner. */
  readonly actingAs: string | undefined;
}

/** `SET name TO value, …` of a role in all databases. */
export interface GlobalSetting {
  readonly name: string;
  readonly values: readonly string[];
}

export interface Globals {
  readonly roles: readonly GlobalRole[];
  readonly memberships: readonly Membership[];
  readonly statements: readonly GlobalStatement[];
  /** With the statement that makes each. */
  readonly tablespaces: readonly { readonly name: string; readonly sql: string }[];
  /** Beginnings of statements that are none of these. */
  readonly unknown: readonly string[];
}
