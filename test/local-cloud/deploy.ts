import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  CloudFormationClient,
  DescribeStackResourcesCommand,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';
import { GetParametersCommand, SSMClient } from '@aws-sdk/client-ssm';
import { type Assembly, readAssembly } from './assembly.ts';
import { runTool, toolEnvironment } from './command.ts';
import { environmentDirectory } from './environment-directory.ts';
import type { Deployment } from './resolver.ts';
import type { KeyPair } from './servers/key-pair.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CDK = join(ROOT, 'node_modules/aws-cdk/bin/cdk');

export interface SynthOptions {
  readonly environment: string;
  /** Absolute, outside the work tree: bundles must not find its node_modules. */
  readonly output: string;
  readonly region: string;
  readonly account: string;
  readonly logFile: string;
  /** The CDK app. @default the project's */
  readonly app?: { readonly directory: string; readonly command: string };
}

/** Runs `cdk synth` and reads what it wrote. */
export async function synthesize(options: SynthOptions): Promise<Assembly> {
  const { environment, output, region, account, logFile, app } = options;
  mkdirSync(dirname(output), { recursive: true });
  await runTool(
    process.execPath,
    [
      CDK,
      'synth',
      '--quiet',
      ...['--context', `environment=${environment}`],
      ...['--context', `environmentDirectory=${environmentDirectory(environment)}`],
      ...['--output', output],
      ...(app === undefined ? [] : ['--app', app.command]),
    ],
    {
      cwd: app?.directory ?? ROOT,
      logFile,
      env: { ...cdkEnvironment(), CDK_DEFAULT_REGION: region, CDK_DEFAULT_ACCOUNT: account },
    },
  );
  return readAssembly(output);
}

export interface ControlPlane {
  /** moto's, by the name `localhost`: CloudFormation finds its templates under no other. */
  readonly endpoint: string;
  readonly region: string;
  readonly account: string;
  /** For logs and the stand-in for `docker`. */
  readonly directory: string;
  /** Who deploys. @default anybody may, until policies are enforced */
  readonly deployer?: KeyPair;
}

/** Runs the real `cdk bootstrap`, which needs no assembly and so can go on beside the synthesis. */
export async function bootstrap(of: ControlPlane): Promise<void> {
  await runCdk(of, ['bootstrap', `aws://${of.account}/${of.region}`], 'cdk-bootstrap.log');
}

/**
 * Deploys what was synthesized with the real `cdk deploy`, and finds out which ids the resources got.
 */
export async function deploy(of: ControlPlane, assembly: Assembly): Promise<Deployment> {
  for (const directory of assembly.directories) {
    withoutTerminationProtection(directory);
    const args = ['deploy', '--all', '--require-approval', 'never', '--app', directory];
    await runCdk(of, args, 'cdk-deploy.log');
  }
  return await describeDeployment(of, assembly);
}

/**
 * Puts other templates in the place of those that were deployed. Not by `cdk deploy`: it waits for a
 * state after an update that moto does not reach.
 */
export async function update(of: ControlPlane, assembly: Assembly): Promise<Deployment> {
  const { endpoint, region } = of;
  const cloudFormation = new CloudFormationClient({
    endpoint,
    region,
    credentials: deployerOf(of),
    maxAttempts: 1,
  });
  for (const { name, template } of assembly.stacks) {
    const TemplateBody = JSON.stringify(template);
    await cloudFormation.send(new UpdateStackCommand({ StackName: name, TemplateBody }));
  }
  cloudFormation.destroy();
  return await describeDeployment(of, assembly);
}

function deployerOf({ deployer }: ControlPlane): KeyPair {
  return deployer ?? { accessKeyId: 'deployer', secretAccessKey: 'deployer' };
}

async function runCdk(of: ControlPlane, args: readonly string[], log: string): Promise<void> {
  await runTool(process.execPath, [CDK, ...args], {
    // Not the project's directory: its cdk.json would have the app run again.
    cwd: of.directory,
    logFile: join(of.directory, log),
    env: {
      ...cdkEnvironment(),
      AWS_ENDPOINT_URL: of.endpoint,
      AWS_ACCESS_KEY_ID: deployerOf(of).accessKeyId,
      AWS_SECRET_ACCESS_KEY: deployerOf(of).secretAccessKey,
      AWS_REGION: of.region,
      CDK_DEFAULT_REGION: of.region,
      CDK_DEFAULT_ACCOUNT: of.account,
      CDK_DOCKER: writeDockerStandIn(of.directory),
    },
  });
}

/**
 * The CDK asks `docker` to build and push the image. Here nothing is pushed: the local Fargate builds
 * it from the same directory when it is needed.
 */
function writeDockerStandIn(directory: string): string {
  const file = join(directory, 'docker-stand-in');
  writeFileSync(
    file,
    '#!/bin/sh\n# "inspect" finds no image; all else succeeds.\n[ "$1" != inspect ]\n',
  );
  chmodSync(file, 0o755);
  return file;
}

/** moto does not know UpdateTerminationProtection: the only thing that is not deployed as written. */
function withoutTerminationProtection(directory: string): void {
  const file = join(directory, 'manifest.json');
  const text = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    text.replaceAll(/"terminationProtection": ?true/g, '"terminationProtection": false'),
  );
}

async function describeDeployment(of: ControlPlane, assembly: Assembly): Promise<Deployment> {
  const { endpoint, region, account } = of;
  const client = {
    endpoint,
    region,
    credentials: deployerOf(of),
  };
  const ids = new Map<string, string>();
  const cloudFormation = new CloudFormationClient(client);
  for (const { name } of assembly.stacks) {
    const { StackResources = [] } = await cloudFormation.send(
      new DescribeStackResourcesCommand({ StackName: name }),
    );
    for (const { LogicalResourceId, PhysicalResourceId } of StackResources) {
      if (LogicalResourceId === undefined || PhysicalResourceId === undefined) continue;
      ids.set(`${name}/${LogicalResourceId}`, PhysicalResourceId);
    }
  }
  const parameters = await readParameters(new SSMClient(client), parameterNames(assembly));
  return {
    region,
    account,
    physicalId: (stack, logicalId) => ids.get(`${stack}/${logicalId}`),
    parameter: (name) => {
      const value = parameters.get(name);
      if (value === undefined)
        throw new Error(`No Systems Manager parameter ${name} was deployed.`);
      return value;
    },
  };
}

function parameterNames(assembly: Assembly): string[] {
  const names = assembly.stacks.flatMap(({ template }) => [
    ...Object.values(template.Parameters ?? {})
      .filter(({ Type }) => Type.startsWith('AWS::SSM::Parameter::Value'))
      .flatMap(({ Default }) => (Default === undefined ? [] : [Default])),
    ...[...JSON.stringify(template).matchAll(/\{\{resolve:ssm:([^:}]+)/g)].flatMap(
      ([, name]) => name ?? [],
    ),
  ]);
  return [...new Set(names)];
}

async function readParameters(
  client: SSMClient,
  names: readonly string[],
): Promise<Map<string, string>> {
  const values = new Map<string, string>();
  // GetParameters takes ten names at most.
  for (let at = 0; at < names.length; at += 10) {
    const { Parameters = [] } = await client.send(
      new GetParametersCommand({ Names: names.slice(at, at + 10) }),
    );
    for (const { Name, Value } of Parameters) values.set(Name ?? '', Value ?? '');
  }
  return values;
}

function cdkEnvironment(): Record<string, string> {
  return {
    ...toolEnvironment(),
    // Its Node runs the CDK app too, and esbuild for the functions' bundles.
    PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH ?? ''}`,
    CDK_DISABLE_CLI_TELEMETRY: 'true',
    CI: 'true',
  };
}
