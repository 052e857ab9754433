import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { linesOf } from '../../../containers/runner/process/lines.ts';

async function lines(...chunks: readonly Buffer[]): Promise<string[]> {
  const found: string[] = [];
  for await (const line of linesOf(Readable.from(chunks))) found.push(line);
  return found;
}

describe('linesOf', () => {
  test('joins what chunks cut, characters included', async () => {
    const bytes = Buffer.from('one\ntwö\n\nlast');
    const single = Array.from(bytes, (byte) => Buffer.of(byte));
    expect(await lines(...single)).toEqual(['one', 'twö', '', 'last']);
    expect(await lines(bytes)).toEqual(['one', 'twö', '', 'last']);
    expect(await lines()).toEqual([]);
  });

  test('splits at line feeds alone: names may hold other line ends', async () => {
    expect(await lines(Buffer.from('a\u2028b\rc\n'))).toEqual(['a\u2028b\rc']);
  });

  test('cuts a line that has no end, instead of keeping it', async () => {
    const endless = Array.from({ length: 100 }, () => Buffer.alloc(64 * 1024, 'x'));
    const [line = '', next] = await lines(...endless, Buffer.from('\nnext'));
    expect(line).toHaveLength(64 * 1024);
    expect(next).toBe('next');
  });
});
