import type { Assembly, Stack, TemplateResource } from './assembly.ts';
import { attribute } from './attributes.ts';

/** A resource as deployed: every reference in its properties is replaced by what it stands for. */
export interface ResolvedResource {
  readonly stack: string;
  readonly logicalId: string;
  readonly type: string;
  /** What `Ref` gives. */
  readonly physicalId: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** What the deployment knows and the template does not. */
export interface Deployment {
  readonly region: string;
  readonly account: string;
  /** Physical id of a resource that the control plane made; `undefined` for the types it skips. */
  physicalId(stack: string, logicalId: string): string | undefined;
  /** Value of a Systems Manager parameter. */
  parameter(name: string): string;
}

/** Thrown for what the resolver does not know: it guesses nothing. */
export class UnresolvedError extends Error {
  override readonly name = 'UnresolvedError';
}

/**
 * Replaces every intrinsic function in the assembly's resources.
 *
 * @param wanted the types to resolve; the others may use what the resolver does not know.
 */
export function resolveAssembly(
  assembly: Assembly,
  deployment: Deployment,
  wanted: (type: string) => boolean = () => true,
): ResolvedResource[] {
  return assembly.stacks.flatMap((stack) => {
    const scope = new StackScope(stack, deployment);
    const resources = Object.entries(stack.template.Resources).filter(([, { Type }]) =>
      wanted(Type),
    );
    return resources.map(([logicalId, { Type }]) => ({
      stack: stack.name,
      logicalId,
      type: Type,
      physicalId: scope.physicalId(logicalId),
      properties: scope.properties(logicalId),
    }));
  });
}

class StackScope {
  private readonly stack: Stack;
  private readonly deployment: Deployment;

  constructor(stack: Stack, deployment: Deployment) {
    this.stack = stack;
    this.deployment = deployment;
  }

  properties(logicalId: string): Record<string, unknown> {
    return this.resolve(this.resource(logicalId).Properties ?? {}) as Record<string, unknown>;
  }

  physicalId(logicalId: string): string {
    const known = this.deployment.physicalId(this.stack.name, logicalId);
    if (known !== undefined) return known;
    const { Properties = {} } = this.resource(logicalId);
    // Types that the control plane skips have no id but the name that the template gives them.
    const name = Properties.Name ?? Properties.AlarmName;
    return name === undefined ? `${this.stack.name}-${logicalId}` : String(this.resolve(name));
  }

  private resource(logicalId: string): TemplateResource {
    const resource = this.stack.template.Resources[logicalId];
    if (resource === undefined) {
      throw new UnresolvedError(`${this.stack.name} has no resource ${logicalId}.`);
    }
    return resource;
  }

  private resolve(value: unknown): unknown {
    if (typeof value === 'string') return this.dynamicReferences(value);
    if (Array.isArray(value)) return this.each(value);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [first] = entries;
    if (entries.length === 1 && first !== undefined) {
      const [name, argument] = first;
      if (name === 'Ref') return this.ref(String(argument));
      if (name.startsWith('Fn::')) return this.intrinsic(name, argument);
    }
    const resolved = entries.map(([key, inner]): [string, unknown] => [key, this.resolve(inner)]);
    return Object.fromEntries(resolved.filter(([, inner]) => inner !== undefined));
  }

  private each(values: readonly unknown[]): unknown[] {
    return values.map((inner) => this.resolve(inner)).filter((inner) => inner !== undefined);
  }

  private ref(name: string): unknown {
    const { region, account, parameter } = this.deployment;
    switch (name) {
      case 'AWS::Region':
        return region;
      case 'AWS::AccountId':
        return account;
      case 'AWS::Partition':
        return 'aws';
      case 'AWS::URLSuffix':
        return 'amazonaws.com';
      case 'AWS::StackName':
        return this.stack.name;
      case 'AWS::NoValue':
        return undefined;
    }
    const declared = this.stack.template.Parameters?.[name];
    if (declared === undefined) return this.physicalId(name);
    if (declared.Default === undefined) {
      throw new UnresolvedError(`Parameter ${name} of ${this.stack.name} has no default.`);
    }
    return declared.Type.startsWith('AWS::SSM::Parameter::Value')
      ? parameter(declared.Default)
      : declared.Default;
  }

  private intrinsic(name: string, argument: unknown): unknown {
    switch (name) {
      case 'Fn::GetAtt': {
        const [logicalId, attributeName] =
          typeof argument === 'string' ? argument.split('.') : (argument as string[]);
        return this.attribute(logicalId ?? '', attributeName ?? '');
      }
      case 'Fn::Join': {
        const [separator, parts] = argument as [string, unknown];
        return (this.resolve(parts) as unknown[]).join(separator);
      }
      case 'Fn::Sub':
        return this.substitute(argument as string | [string, Record<string, unknown>]);
      case 'Fn::Select': {
        const [index, list] = argument as [number | string, unknown];
        return (this.resolve(list) as unknown[])[Number(index)];
      }
      case 'Fn::Split': {
        const [separator, text] = argument as [string, unknown];
        return String(this.resolve(text)).split(separator);
      }
      case 'Fn::GetAZs':
        return ['a', 'b'].map((zone) => `${this.deployment.region}${zone}`);
    }
    throw new UnresolvedError(`${name} in ${this.stack.name} is not known to the local cloud.`);
  }

  private attribute(logicalId: string, name: string): unknown {
    const { Type } = this.resource(logicalId);
    const found = attribute(
      {
        type: Type,
        physicalId: this.physicalId(logicalId),
        properties: this.properties(logicalId),
      },
      name,
      this.deployment,
    );
    if (found !== undefined) return found;
    throw new UnresolvedError(
      `${Type}'s attribute ${name} (${logicalId} in ${this.stack.name}) is not known to the local cloud: add it to attributes.ts.`,
    );
  }

  private substitute(argument: string | readonly [string, Record<string, unknown>]): string {
    const [text, variables] = typeof argument === 'string' ? [argument, {}] : argument;
    return text.replaceAll(/\$\{([^}]+)\}/g, (whole, name: string) => {
      if (name.startsWith('!')) return `\${${name.slice(1)}}`;
      if (name in variables) return String(this.resolve(variables[name]));
      const [logicalId = '', attributeName] = name.split('.');
      const value =
        attributeName === undefined ? this.ref(name) : this.attribute(logicalId, attributeName);
      return value === undefined ? whole : String(value);
    });
  }

  private dynamicReferences(text: string): string {
    return text.replaceAll(/\{\{resolve:ssm:([^:}]+)(?::\d+)?\}\}/g, (_, name: string) =>
      this.deployment.parameter(name),
    );
  }
}
