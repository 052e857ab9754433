import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { ECSClient } from '@aws-sdk/client-ecs';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { BuildArgument, postgresMajor } from '../../contract/postgres-majors.ts';
import { emptyModel, type Model } from './model.ts';
import { Images } from './platform/images.ts';
import { type Platform, servePlatform } from './platform/platform.ts';
import { PlatformServer } from './platform/server.ts';
import type { Statement } from './policy.ts';
import type { Principal } from './principals.ts';

const PLACE = { region: 'eu-central-1', account: '000000000000' };
export const CLUSTER = 'arn:aws:ecs:eu-central-1:000000000000:cluster/tests';
export const DEFINITION = 'arn:aws:ecs:eu-central-1:000000000000:task-definition/sleeper:1';
export const FUNCTION = 'arn:aws:lambda:eu-central-1:000000000000:function:echo';
const FIXTURES = join(import.meta.dirname, '../fixtures');
const IMAGE = join(FIXTURES, 'local-cloud-image');

/** The platform alone, with one task definition and one function under `test/fixtures`. */
export class PlatformFixture {
  readonly directory: string;
  readonly platform: Platform;
  private readonly server: PlatformServer;
  private readonly roles: Principal[];

  private constructor(directory: string, server: PlatformServer) {
    this.directory = directory;
    this.server = server;
    this.roles = [
      roleNamed('task', ['ecs-tasks.amazonaws.com']),
      roleNamed('execution', ['ecs-tasks.amazonaws.com']),
      roleNamed('function', ['lambda.amazonaws.com']),
    ];
    const hash = createHash('sha256')
      .update(readFileSync(join(IMAGE, 'Dockerfile')))
      .digest('hex');
    const buildArguments = { [BuildArgument.PostgresImage]: postgresMajor(17).image };
    this.platform = servePlatform({
      run: { id: basename(directory).slice(-6).toLowerCase(), directory },
      model: fixtureModel(hash),
      principals: {
        forArn: (arn) => this.roles.find((each) => each.arn === arn) ?? roleNamed('nobody', []),
        byAccessKey: (id) => this.roles.find(({ keys }) => keys.accessKeyId === id),
      },
      images: new Images(new Map([[hash, { hash, directory: IMAGE, buildArguments }]]), directory),
      server,
      administrator: { accessKeyId: 'AKIAADMIN', secretAccessKey: 'secret' },
      environment: { AWS_REGION: PLACE.region, AWS_ENDPOINT_URL_ECS: server.endpoint },
      // No TLS here: any file will do.
      caFile: join(IMAGE, 'Dockerfile'),
    });
  }

  static async start(): Promise<PlatformFixture> {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-platform-test-'));
    return new PlatformFixture(directory, await PlatformServer.listen());
  }

  async stop(): Promise<void> {
    await this.platform.functions.stopAll();
    await this.platform.tasks.stopAll();
    await this.server.close();
    rmSync(this.directory, { recursive: true });
  }

  addRole(name: string, statements: readonly Statement[]): void {
    this.roles.push(roleNamed(name, [], statements));
  }

  /** @param name of a role, or `ADMIN` */
  ecs(name: string): ECSClient {
    return new ECSClient(this.connection(name));
  }

  lambda(name: string): LambdaClient {
    return new LambdaClient(this.connection(name));
  }

  private connection(name: string): {
    endpoint: string;
    region: string;
    credentials: { accessKeyId: string; secretAccessKey: string };
    maxAttempts: number;
  } {
    return {
      endpoint: this.server.endpoint,
      region: PLACE.region,
      credentials: { accessKeyId: `AKIA${name}`, secretAccessKey: 'secret' },
      maxAttempts: 1,
    };
  }
}

function roleNamed(
  name: string,
  trusts: readonly string[],
  statements: readonly Statement[] = [],
): Principal {
  return {
    name,
    arn: `arn:aws:iam::000000000000:role/${name}`,
    keys: { accessKeyId: `AKIA${name}`, secretAccessKey: 'secret' },
    trusts,
    policies: statements.length === 0 ? [] : [{ Version: '2012-10-17', Statement: statements }],
  };
}

function fixtureModel(image: string): Model {
  const model = emptyModel(PLACE);
  model.ecsClusters.set(CLUSTER, { name: 'tests' });
  model.taskDefinitions.set(DEFINITION, {
    arn: DEFINITION,
    family: 'sleeper',
    cpu: 256,
    memoryMiB: 256,
    taskRoleArn: 'arn:aws:iam::000000000000:role/task',
    executionRoleArn: 'arn:aws:iam::000000000000:role/execution',
    container: {
      name: 'runner',
      image,
      environment: { FROM_TEMPLATE: 'yes' },
      readOnly: true,
      stopTimeoutSeconds: 2,
      mounts: [{ volume: 'spool', path: '/spool', readOnly: false }],
    },
  });
  model.functions.set('echo', {
    name: 'echo',
    arn: FUNCTION,
    roleArn: 'arn:aws:iam::000000000000:role/function',
    handler: 'index.handler',
    timeoutSeconds: 2,
    memoryMiB: 128,
    environment: { FROM_TEMPLATE: 'yes' },
    bundle: join(FIXTURES, 'local-cloud-function'),
  });
  return model;
}
