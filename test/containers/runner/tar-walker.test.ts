import { once } from 'node:events';
import { type Header, pack } from 'tar-stream';
import { describe, expect, test } from 'vitest';
import { type TarEntry, TarWalker } from '../../../containers/runner/tar-walker.ts';
import { collect } from '../../vault/example-message.ts';

async function tarOf(entries: Readonly<Record<string, string>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, text] of Object.entries(entries)) tar.entry({ name, mtime: new Date(0) }, text);
  tar.finalize();
  return await collect(tar as AsyncIterable<Buffer>);
}

/** Walks through a tar in pieces of a size. */
function walk(tar: Buffer, size: number): Record<string, string> {
  const found: Record<string, string> = {};
  let now: { readonly name: string; text: string } | undefined;
  const walker = new TarWalker({
    begin: ({ name }) => {
      now = { name, text: '' };
    },
    content: (piece) => {
      if (now !== undefined) now.text += piece.toString();
    },
    end: () => {
      if (now !== undefined) found[now.name] = now.text;
    },
  });
  for (let at = 0; at < tar.length; at += size) walker.take(tar.subarray(at, at + size));
  walker.end();
  return found;
}

describe('a walk through a tar', () => {
  const files = {
    nothing: '',
    'a byte': 'x',
    'a block': 'x'.repeat(512),
    'a block and a byte': 'x'.repeat(513),
    [`${'d'.repeat(120)}/${'f'.repeat(60)}`]: 'a name in two fields',
  };

  test.each([1, 511, 512, 513, 100_000])('shows what is in it, in pieces of %i', async (size) => {
    expect(walk(await tarOf(files), size)).toEqual(files);
  });

  test('knows the size of a file whose digits have no room', async () => {
    const size = 2 ** 33 + 7;
    const tar = pack();
    tar.entry({ name: 'base/1/large', size, mtime: new Date(0) } as Header);
    const [header] = (await once(tar, 'data')) as [Buffer];
    tar.destroy();
    const found: TarEntry[] = [];
    const walker = new TarWalker({
      begin: (entry) => void found.push(entry),
      content: () => {},
      end: () => {},
    });
    walker.take(header);
    expect(found).toMatchObject([{ name: 'base/1/large', type: '0', size }]);
  });
});
