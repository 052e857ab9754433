import { describe, expect, it } from 'vitest';
import { BACKUP_MANIFEST_ARTIFACT } from '../../contract/physical-manifest.ts';
import {
  artifactKey,
  catalogPrefix,
  clusterPrefix,
  manifestKey,
} from '../../contract/vault-keys.ts';
import { ACCOUNT, REGION } from './deployed-values.ts';
import { BACKUP_OF_ORDERS, mayByRole, mayInVault, mayWithKey, policiesOf } from './simulation.ts';

const LABEL = '20261120T030000Z-logical-full-7f3a9c';
const ARTIFACT = artifactKey('orders', LABEL, 'globals.sql.0001');
const MANIFEST = manifestKey('orders', LABEL);
const BASE = '20261120T040000Z-physical-full-8a4b0d';
const PARENT = artifactKey('orders', BASE, BACKUP_MANIFEST_ARTIFACT);
const CREATES = { 's3:ObjectCreationOperation': 'true' };
const FRESH = { ...CREATES, 's3:if-none-match': '*' };
const LOCK = {
  's3:object-lock-mode': 'COMPLIANCE',
  's3:object-lock-remaining-retention-days': '35',
};
const as = BACKUP_OF_ORDERS;

/** Without a role that may be told apart from nobody, every refusal below would mean nothing. */
describe('the backup role may', () => {
  it('write an object that is not there yet, under its lock', async () => {
    const attempt = { as, action: 's3:PutObject', key: MANIFEST, context: { ...FRESH, ...LOCK } };
    expect(await mayInVault(attempt)).toBe(true);
  });

  it('start a multipart upload under a lock, which knows no If-None-Match', async () => {
    const context = { 's3:ObjectCreationOperation': 'false', ...LOCK };
    expect(await mayInVault({ as, action: 's3:PutObject', key: ARTIFACT, context })).toBe(true);
  });

  it('upload a part, which names neither lock nor If-None-Match', async () => {
    const context = { 's3:ObjectCreationOperation': 'false' };
    expect(await mayInVault({ as, action: 's3:PutObject', key: ARTIFACT, context })).toBe(true);
  });

  it('complete an upload, which names If-None-Match and no lock', async () => {
    expect(await mayInVault({ as, action: 's3:PutObject', key: ARTIFACT, context: FRESH })).toBe(
      true,
    );
  });

  it.each(['33', '34', '36'])(
    'set a lock of %s days: rounded either way, a day into its run',
    async (days) => {
      const context = { ...LOCK, 's3:object-lock-remaining-retention-days': days };
      expect(
        await mayInVault({ as, action: 's3:PutObjectRetention', key: ARTIFACT, context }),
      ).toBe(true);
    },
  );

  it('abort its uploads', async () => {
    expect(await mayInVault({ as, action: 's3:AbortMultipartUpload', key: ARTIFACT })).toBe(true);
  });

  it.each(['s3:GetObject', 's3:GetObjectVersion'])('%s on its catalog', async (action) => {
    expect(await mayInVault({ as, action, key: MANIFEST })).toBe(true);
  });

  it.each(['s3:ListBucket', 's3:ListBucketVersions'])('%s by its prefix', async (action) => {
    for (const prefix of [clusterPrefix('orders'), catalogPrefix('orders')]) {
      expect(await mayInVault({ as, action, context: { 's3:prefix': prefix } })).toBe(true);
    }
  });

  it('list uploads', async () => {
    expect(await mayInVault({ as, action: 's3:ListBucketMultipartUploads' })).toBe(true);
  });

  it("make data keys with its cluster's key", async () => {
    expect(await mayWithKey(as, 'kms:GenerateDataKey', 'orders')).toBe(true);
  });

  it.each(['s3:GetObject', 's3:GetObjectVersion'])(
    "%s PostgreSQL's own manifest of its base backups, and decrypt that",
    async (action) => {
      expect(await mayInVault({ as, action, key: PARENT })).toBe(true);
      expect(await mayDecrypt('orders', 'orders', BACKUP_MANIFEST_ARTIFACT)).toBe(true);
    },
  );

  it('read how long an object of its own is locked', async () => {
    for (const key of [ARTIFACT, MANIFEST]) {
      expect(await mayInVault({ as, action: 's3:GetObjectRetention', key })).toBe(true);
    }
  });

  it('read its secret, whatever its suffix', async () => {
    const action = 'secretsmanager:GetSecretValue';
    expect(await mayByRole({ as, action }, secretArn('orders-AbCdEf'))).toBe(true);
  });
});

/** Where the stand-in for deployment puts the ECS cluster. */
const ECS_CLUSTER = (): string => {
  const allow = policiesOf(as)
    .flatMap(({ Statement }) => Statement)
    .find(({ Sid }) => Sid === 'ListTasks');
  return allow?.Condition?.ArnEquals?.['ecs:cluster'] ?? '';
};
const TASK = `arn:aws:ecs:${REGION}:${ACCOUNT}:task/`;

describe('of tasks, the backup role may', () => {
  const inCluster = (cluster: string) => ({ 'ecs:cluster': cluster });

  it('list and describe those of its own ECS cluster, to know which uploads nobody needs', async () => {
    const context = inCluster(ECS_CLUSTER());
    expect(ECS_CLUSTER()).toContain('Cluster');
    expect(await mayByRole({ as, action: 'ecs:ListTasks', context }, '*')).toBe(true);
    const [resource] = [statement('DescribeTasks').Resource].flat();
    expect(resource).toMatch(/:task\/.+\/\*$/);
    const task = String(resource).replace('*', '0123');
    expect(await mayByRole({ as, action: 'ecs:DescribeTasks', context }, task)).toBe(true);
  });

  it('neither look at those of another, nor run, stop or tag any', async () => {
    const other = inCluster(`arn:aws:ecs:${REGION}:${ACCOUNT}:cluster/other`);
    expect(await mayByRole({ as, action: 'ecs:ListTasks', context: other }, '*')).toBe(false);
    const theirs = { as, action: 'ecs:DescribeTasks', context: other };
    expect(await mayByRole(theirs, `${TASK}other/0123`)).toBe(false);
    const task = String([statement('DescribeTasks').Resource].flat()[0]).replace('*', '0123');
    const context = inCluster(ECS_CLUSTER());
    for (const action of ['ecs:StopTask', 'ecs:ExecuteCommand']) {
      expect(await mayByRole({ as, action, context }, task)).toBe(false);
    }
    expect(await mayByRole({ as, action: 'ecs:TagResource' }, task)).toBe(false);
  });

  function statement(sid: string) {
    const found = policiesOf(as)
      .flatMap(({ Statement }) => Statement)
      .find(({ Sid }) => Sid === sid);
    if (found === undefined) throw new Error(`no statement ${sid}`);
    return found;
  }
});

describe('the backup role may not', () => {
  it('write over what may be there', async () => {
    const context = { ...CREATES, ...LOCK };
    expect(await mayInVault({ as, action: 's3:PutObject', key: MANIFEST, context })).toBe(false);
  });

  it('complete an upload over what may be there', async () => {
    const attempt = { as, action: 's3:PutObject', key: ARTIFACT, context: CREATES };
    expect(await mayInVault(attempt)).toBe(false);
  });

  it.each([
    's3:DeleteObject',
    's3:DeleteObjectVersion',
    's3:BypassGovernanceRetention',
    's3:PutObjectLegalHold',
    's3:PutObjectAcl',
    's3:PutObjectTagging',
    's3:GetObject',
    's3:GetObjectVersion',
    's3:RestoreObject',
  ])('%s an artifact', async (action) => {
    expect(await mayInVault({ as, action, key: ARTIFACT })).toBe(false);
  });

  it.each(['s3:PutObject', 's3:PutObjectRetention'])(
    '%s with a lock out of bounds',
    async (action) => {
      for (const wrong of [
        { 's3:object-lock-mode': 'GOVERNANCE' },
        { 's3:object-lock-remaining-retention-days': '32' },
        { 's3:object-lock-remaining-retention-days': '37' },
        { 's3:object-lock-event-hold': 'ON' },
      ]) {
        const context = { ...(action === 's3:PutObject' ? FRESH : {}), ...LOCK, ...wrong };
        expect(await mayInVault({ as, action, key: ARTIFACT, context })).toBe(false);
      }
    },
  );

  it("touch another cluster's part of the vault, or what lies outside of all", async () => {
    for (const prefix of ['clusters/billing/', 'clusters/orders-eu/', '']) {
      for (const action of ['s3:PutObject', 's3:AbortMultipartUpload', 's3:GetObject']) {
        const key = `${prefix}catalog/${LABEL}.json`;
        const context = action === 's3:PutObject' ? { ...FRESH, ...LOCK } : {};
        expect(await mayInVault({ as, action, key, context })).toBe(false);
      }
      const list = { as, action: 's3:ListBucket', context: { 's3:prefix': prefix } };
      expect(await mayInVault(list)).toBe(false);
    }
  });

  it('list without a prefix', async () => {
    expect(await mayInVault({ as, action: 's3:ListBucket' })).toBe(false);
  });

  it.each([
    's3:PutBucketPolicy',
    's3:PutLifecycleConfiguration',
    's3:PutBucketObjectLockConfiguration',
    's3:DeleteBucket',
  ])('%s', async (action) => {
    expect(await mayInVault({ as, action })).toBe(false);
  });

  it.each(['kms:Decrypt', 'kms:ReEncryptFrom', 'kms:CreateGrant', 'kms:ScheduleKeyDeletion'])(
    "%s with its cluster's key",
    async (action) => {
      expect(await mayWithKey(as, action, 'orders')).toBe(false);
    },
  );

  it("decrypt another artifact, another cluster's parents, or with another cluster's key", async () => {
    for (const artifact of ['base.tar.0001', 'backup_manifest.0002', 'globals.sql.0001']) {
      expect(await mayDecrypt('orders', 'orders', artifact)).toBe(false);
    }
    expect(await mayDecrypt('orders', 'billing', BACKUP_MANIFEST_ARTIFACT)).toBe(false);
    expect(await mayDecrypt('billing', 'orders', BACKUP_MANIFEST_ARTIFACT)).toBe(false);
    expect(await mayDecrypt('billing', 'billing', BACKUP_MANIFEST_ARTIFACT)).toBe(false);
  });

  it('read any other artifact of a base backup, or those of another cluster', async () => {
    for (const key of [
      artifactKey('orders', BASE, 'base.tar.0001'),
      artifactKey('orders', BASE, 'backup_manifest.0002'),
      artifactKey('billing', BASE, BACKUP_MANIFEST_ARTIFACT),
    ]) {
      expect(await mayInVault({ as, action: 's3:GetObjectVersion', key })).toBe(false);
    }
  });

  it("make data keys with another cluster's key, or in another cluster's name", async () => {
    expect(await mayWithKey(as, 'kms:GenerateDataKey', 'billing')).toBe(false);
    expect(await mayWithKey(as, 'kms:GenerateDataKey', 'orders', 'billing')).toBe(false);
  });

  it('write over plain HTTP', async () => {
    const context = { ...FRESH, ...LOCK, 'aws:SecureTransport': 'false' };
    expect(await mayInVault({ as, action: 's3:PutObject', key: MANIFEST, context })).toBe(false);
  });

  it("read another cluster's secret", async () => {
    const action = 'secretsmanager:GetSecretValue';
    for (const name of ['billing-AbCdEf', 'orders-eu-AbCdEf']) {
      expect(await mayByRole({ as, action }, secretArn(name))).toBe(false);
    }
  });
});

it('names every statement, so that what is left out somewhere can be told', () => {
  const sids = policiesOf(as).flatMap(({ Statement }) => Statement.map(({ Sid }) => Sid));
  expect(new Set(sids).size).toBe(sids.length);
  expect(sids).not.toContain(undefined);
});

function secretArn(name: string): string {
  return `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:holdfast/test/${name}`;
}

function mayDecrypt(key: string, cluster: string, artifact: string): Promise<boolean> {
  return mayWithKey(as, 'kms:Decrypt', key, cluster, undefined, {}, artifact);
}
