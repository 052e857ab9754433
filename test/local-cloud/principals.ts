import { compactStatements } from './compact-statements.ts';
import type { Model, RoleModel } from './model.ts';
import { type LeftOut, splitEnforceable } from './not-enforced-here.ts';
import { concernsService, listOf, type PolicyDocument, type Statement } from './policy.ts';
import { statementsFor } from './resource-policy.ts';
import type { KeyPair } from './servers/key-pair.ts';
import type { Moto } from './servers/moto.ts';
import type { Versitygw } from './servers/versitygw.ts';

/** A role as the servers here know it: one key pair, with exactly the role's policy. */
export interface Principal {
  readonly name: string;
  readonly arn: string;
  readonly keys: KeyPair;
  /** Services that may act under the role, and `account` where people may. */
  readonly trusts: readonly string[];
  /** The role's own policy, as it is now. */
  readonly policies: readonly PolicyDocument[];
}

/** The role's policy as text, to be edited and deployed again. */
type Edit = (policies: readonly PolicyDocument[]) => readonly PolicyDocument[];

/** Every role of the templates, put into each server, and found by its access key. */
export class Principals {
  private readonly model: Model;
  private readonly moto: Pick<Moto, 'putPrincipal' | 'revokeKeys'>;
  private readonly versitygw: Pick<Versitygw, 'putPrincipal'>;
  private readonly byName = new Map<string, Principal>();
  /** Statements that no server here can enforce, by name. */
  readonly leftOut = new Map<string, LeftOut>();

  constructor(
    model: Model,
    moto: Pick<Moto, 'putPrincipal' | 'revokeKeys'>,
    versitygw: Pick<Versitygw, 'putPrincipal'>,
  ) {
    this.model = model;
    this.moto = moto;
    this.versitygw = versitygw;
  }

  async putAll(): Promise<void> {
    for (const role of this.model.roles) await this.put(role, (policies) => policies);
  }

  /** A role that somebody makes beside the stacks. Its name is its own here, whatever its path. */
  async add(role: RoleModel): Promise<Principal> {
    await this.put(role, (policies) => policies);
    return this.get(role.name);
  }

  get(name: string): Principal {
    const principal = this.byName.get(name);
    if (principal === undefined) {
      throw new Error(
        `No role ${name} was deployed; there are ${[...this.byName.keys()].join(', ')}.`,
      );
    }
    return principal;
  }

  forArn(arn: string): Principal {
    const principal = [...this.byName.values()].find((each) => each.arn === arn);
    if (principal === undefined) throw new Error(`No role ${arn} was deployed.`);
    return principal;
  }

  byAccessKey(accessKeyId: string): Principal | undefined {
    return [...this.byName.values()].find(({ keys }) => keys.accessKeyId === accessKeyId);
  }

  /**
   * Takes one action out of the role's policy, in every server, as if the stack had never given it.
   *
   * @returns what puts it back.
   */
  async withoutPermission(roleName: string, action: string): Promise<() => Promise<void>> {
    const role = this.model.roles.find(({ name }) => name === roleName);
    if (role === undefined) throw new Error(`No role ${roleName} was deployed.`);
    await this.put(role, (policies) => removeAction(roleName, policies, action));
    return () => this.put(role, (policies) => policies);
  }

  /** Gives a role another key pair, in every server; the old one is unknown from now on. */
  async revokeKeys(roleName: string): Promise<void> {
    const role = this.model.roles.find(({ name }) => name === roleName);
    if (role === undefined) throw new Error(`No role ${roleName} was deployed.`);
    await this.moto.revokeKeys(roleName);
    await this.put(role, (policies) => policies);
  }

  private async put(role: RoleModel, edit: Edit): Promise<void> {
    // An empty document is malformed.
    const own = edit(role.policies).filter(({ Statement }) => Statement.length > 0);
    const s3 = own.flatMap(({ Statement }) =>
      Statement.filter((each) => concernsService(each, 's3')),
    );
    // Denies of a bucket that the role is allowed nothing in change nothing, and the S3 server takes
    // 2048 bytes of a user's policies.
    const reached = new Set(s3.flatMap(bucketsIn));
    const onBuckets = this.model.bucketPolicies
      .flatMap((each) => statementsFor(role.arn, each))
      .filter((each) => bucketsIn(each).some((name) => reached.has(name)));
    const split = splitEnforceable([...s3, ...onBuckets]);
    const keys = await this.moto.putPrincipal({
      name: role.name,
      policies: own,
      roleArn: role.arn,
    });
    await this.versitygw.putPrincipal({
      name: role.name,
      ...keys,
      policies:
        split.enforced.length === 0
          ? []
          : [document(compactStatements(split.enforced.map(onlyS3)))],
    });
    for (const each of split.leftOut) this.leftOut.set(each.statement, each);
    const { name, arn, trusts } = role;
    this.byName.set(name, { name, arn, trusts, keys, policies: own });
  }
}

/** The buckets that a statement is about. */
function bucketsIn({ Resource, NotResource }: Statement): string[] {
  return listOf(Resource ?? NotResource).map(
    (arn) => arn.replace('arn:aws:s3:::', '').split('/')[0] ?? '',
  );
}

/** The S3 server refuses documents that name other services' actions. */
function onlyS3(statement: Statement): Statement {
  if (statement.Action === undefined) return statement;
  const actions = listOf(statement.Action).filter(
    (action) => action === '*' || action.startsWith('s3:'),
  );
  return { ...statement, Action: actions };
}

function document(statements: readonly Statement[]): PolicyDocument {
  return { Version: '2012-10-17', Statement: statements };
}

function removeAction(
  role: string,
  policies: readonly PolicyDocument[],
  action: string,
): PolicyDocument[] {
  let removed = false;
  const edited = policies.map((policy) =>
    document(
      policy.Statement.flatMap((statement) => {
        const actions = listOf(statement.Action);
        if (statement.Effect !== 'Allow' || !actions.includes(action)) return [statement];
        removed = true;
        const left = actions.filter((each) => each !== action);
        return left.length === 0 ? [] : [{ ...statement, Action: left }];
      }),
    ),
  );
  if (!removed)
    throw new Error(`${role} is not allowed ${action} by name, so it cannot be taken away.`);
  return edited;
}
