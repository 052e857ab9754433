import { App } from 'aws-cdk-lib';
import { describeEnvironment } from './describe-environment.ts';
import { EnvironmentError } from './environment-problems.ts';
import { addHoldfastStacks } from './holdfast-stacks.ts';
import { loadEnvironment } from './load-environment.ts';

/**
 * `cdk synth -c environment=<name>` runs this; `<name>` is a file in `infra/environments`, or in the
 * absolute path that `environmentDirectory` gives.
 */
const app = new App();
try {
  const environment = await loadEnvironment(
    app.node.tryGetContext('environment'),
    app.node.tryGetContext('environmentDirectory'),
  );
  addHoldfastStacks(app, environment);
  app.synth();
  // Not on stdout: `cdk synth` writes templates there.
  console.error(describeEnvironment(environment));
} catch (error) {
  if (!(error instanceof EnvironmentError)) throw error;
  // The reader edits one file: a stack trace through ours would only hide what to change there.
  console.error(error.message);
  process.exitCode = 1;
}
