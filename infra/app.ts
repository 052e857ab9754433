import { App } from 'aws-cdk-lib';
import { EnvironmentError } from './environment-problems.ts';
import { addHoldfastStacks } from './holdfast-stacks.ts';
import { loadEnvironment } from './load-environment.ts';

/** `cdk synth -c environment=<name>` runs this; `<name>` is a file in `infra/environments`. */
const app = new App();
try {
  addHoldfastStacks(app, await loadEnvironment(app.node.tryGetContext('environment')));
  app.synth();
} catch (error) {
  if (!(error instanceof EnvironmentError)) throw error;
  // The reader edits one file: a stack trace through ours would only hide what to change there.
  console.error(error.message);
  process.exitCode = 1;
}
