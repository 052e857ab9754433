import { describe, expect, test } from 'vitest';
import {
  buildStatus,
  parseFromServer,
} from '../../../../containers/runner/wal/replication-messages.ts';

describe('a message of the server', () => {
  test('brings WAL', () => {
    const message = Buffer.concat([
      Buffer.from('77000000010300002800000001030001000002b1c2d3e4f5a6', 'hex'),
      Buffer.from('wal'),
    ]);
    expect(parseFromServer(message)).toEqual({
      is: 'wal',
      start: 0x1_0300_0028n,
      serverEnd: 0x1_0300_0100n,
      sentAt: 0x2b1c2d3e4f5a6n + 946_684_800_000_000n,
      data: Buffer.from('wal'),
    });
  });

  test.each([
    ['00', false],
    ['01', true],
  ])('asks whether we live: %s', (asks, replyRequested) => {
    const message = Buffer.from(`6b00000001030001000002b1c2d3e4f5a6${asks}`, 'hex');
    expect(parseFromServer(message)).toEqual({
      is: 'keepalive',
      serverEnd: 0x1_0300_0100n,
      replyRequested,
    });
  });

  test('of an unknown kind is an error', () => {
    expect(() => parseFromServer(Buffer.from('x'))).toThrow('unknown kind 120');
  });
});

test('a status says the same of written and flushed, and applies nothing', () => {
  const at = Date.parse('2000-01-01T00:00:01Z');
  const status = `72${'0000000103000028'.repeat(2)}${'00'.repeat(8)}00000000000f4240`;
  expect(buildStatus(0x1_0300_0028n, false, at).toString('hex')).toBe(`${status}00`);
  expect(buildStatus(0x1_0300_0028n, true, at).toString('hex')).toBe(`${status}01`);
});
