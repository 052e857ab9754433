import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  buildList,
  EnvironmentVariable,
  readListVariable,
} from '../../contract/environment-variables.ts';
import { buildPackInventory, parsePackInventory } from '../../contract/pack-inventory.ts';
import { ClusterParameter, parseParameter, VaultParameter } from '../../contract/parameters.ts';

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });

test("a pack's inventory is read as it was written", () => {
  const piece = fc.record({ bytes: fc.nat(), sha256: hex(64) });
  const name = fc.stringMatching(/^\w{1,20}\.dat(\.zst)?$/);
  const files = fc.dictionary(name, fc.array(piece, { minLength: 1, maxLength: 4 }));
  fc.assert(
    fc.property(files, (given) => {
      expect({ ...parsePackInventory(buildPackInventory(given)).files }).toEqual({ ...given });
    }),
  );
});

test.each(['', '{', '[]', '{"version":2,"files":{}}', '{"version":1,"files":{"a":[]}}'])(
  'an inventory %j is refused',
  (text) => {
    expect(() => parsePackInventory(text)).toThrow(/^The pack's holdfast\.json cannot be read: /);
  },
);

test('a list of names is read as it was written', () => {
  const name = fc.stringMatching(/^[a-z0-9-]{1,40}$/);
  fc.assert(
    fc.property(fc.array(name, { minLength: 1 }), (names) => {
      const from = { [EnvironmentVariable.Clusters]: buildList(names) };
      expect(readListVariable(from, EnvironmentVariable.Clusters)).toEqual(names);
    }),
  );
});

test('parameters are read as they are written, and another version of them is refused by name', () => {
  const key = hex(32).map((id) => `arn:aws:kms:eu-central-1:123456789012:key/mrk-${id}`);
  fc.assert(
    fc.property(key, fc.stringMatching(/^[a-z0-9-]{3,63}$/), (kmsKeyArn, bucket) => {
      const cluster = { version: 1, kmsKeyArn } as const;
      expect(parseParameter(ClusterParameter, 'x', JSON.stringify(cluster))).toEqual(cluster);
      const vault = { version: 1, bucket } as const;
      expect(parseParameter(VaultParameter, 'x', JSON.stringify(vault))).toEqual(vault);
    }),
  );
  const newer = JSON.stringify({ version: 2, bucket: 'vault' });
  expect(() => parseParameter(VaultParameter, '/holdfast/x/vault', newer)).toThrow(
    /^The SSM parameter \/holdfast\/x\/vault cannot be read: .*version/,
  );
});
