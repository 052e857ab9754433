import type { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { Environment } from '../../infra/environment.ts';
import { addHoldfastStacks } from '../../infra/holdfast-stacks.ts';
import { resolveEnvironment } from '../../infra/resolve-environment.ts';
import { ENVIRONMENT } from './example-environment.ts';
import { withApp } from './new-app.ts';

export interface Synthesized {
  readonly vaultStack: Stack;
  readonly backupStack: Stack;
  readonly vault: Template;
  readonly backup: Template;
}

/** Synthesizes without bundling, which only the functions' own code depends on. */
export function synthesize(environment: Environment): Synthesized {
  return withApp((app) => {
    const stacks = addHoldfastStacks(app, resolveEnvironment(environment));
    return {
      vaultStack: stacks.vault,
      backupStack: stacks.backup,
      vault: Template.fromStack(stacks.vault),
      backup: Template.fromStack(stacks.backup),
    };
  });
}

let shared: Synthesized | undefined;

/** The example environment's templates, made once for each file of tests. */
export function synthesized(): Synthesized {
  shared ??= synthesize(ENVIRONMENT);
  return shared;
}

/** What synth warns of. */
export function warningsOf(stack: Stack): unknown[] {
  return stack.node
    .findAll()
    .flatMap(({ node }) => node.metadata)
    .filter(({ type }) => type === 'aws:cdk:warning')
    .map(({ data }) => data);
}
