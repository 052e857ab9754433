import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import {
  type DumpToc,
  parseDumpToc,
  type TocEntry,
} from '../../../containers/runner/restore/dump-toc.ts';
import { chooseEntries } from '../../../containers/runner/restore/selection/choose-entries.ts';
import {
  nearest,
  splitName,
  writeName,
} from '../../../containers/runner/restore/selection/table-names.ts';

async function toc(name: string): Promise<DumpToc> {
  return parseDumpToc(
    await readFile(new URL(`../../fixtures/dump-toc/${name}.toc.dat`, import.meta.url)),
  );
}

function choose(from: DumpToc, tables: readonly string[], schemas: readonly string[] = []) {
  const { toc: chosen, notRestored } = chooseEntries(from, { tables, schemas });
  const entries = chosen.entries
    .map(({ desc, tag }) => `${desc} ${tag}`)
    .filter((entry) => !/^(DATABASE|ENCODING|SEARCHPATH|STDSTRINGS)/.test(entry));
  return { entries, notRestored };
}

const VIEW = {
  what: 'VIEW public.big_spender',
  why: 'it reads what was chosen, and was not chosen itself',
};

describe.each(['postgres-15', 'postgres-18'])('out of a dump by %s', (name) => {
  test('a table comes with its sequence, keys, indexes, grants; foreign keys are named', async () => {
    const { entries, notRestored } = choose(await toc(name), ['Order']);
    const statistics = entries.filter((entry) => entry.startsWith('STATISTICS DATA'));
    expect(entries.filter((entry) => !statistics.includes(entry)).sort()).toEqual([
      'ACL TABLE "Order"',
      'CONSTRAINT Order Order_pkey',
      'INDEX Order_customer_id_placed_at_idx',
      'SEQUENCE Order_id_seq',
      'SEQUENCE SET Order_id_seq',
      'TABLE DATA Order',
      'TABLE Order',
    ]);
    expect(notRestored).toEqual([
      {
        what: 'FK CONSTRAINT public.Order Order_customer_id_fkey',
        why: 'it needs TABLE public.customer, which was not chosen',
        statement: expect.stringMatching(
          /^ALTER TABLE ONLY public\."Order" ADD CONSTRAINT "Order_customer_id_fkey" FOREIGN KEY .* REFERENCES public\.customer.*;$/,
        ),
      },
      VIEW,
    ]);
  });

  test('two tables keep the foreign key between them; policies come, views are named', async () => {
    const { entries, notRestored } = choose(await toc(name), ['public.customer', 'public.Order']);
    expect(entries).toContain('FK CONSTRAINT Order Order_customer_id_fkey');
    expect(entries).toEqual(
      expect.arrayContaining(['ROW SECURITY customer', 'POLICY customer everybody']),
    );
    expect(entries.join()).not.toContain('big_spender');
    expect(notRestored).toEqual([VIEW]);
  });

  test('views of views are named, materialized ones too, and none that is chosen', async () => {
    const whole = await toc(name);
    const view = whole.entries.find(({ tag }) => tag === 'big_spender');
    const tag = 'of_it';
    const ofIt = {
      ...view,
      desc: 'MATERIALIZED VIEW',
      tag,
      dumpId: 1e6,
      dependencies: [view?.dumpId],
    };
    const both = { ...whole, entries: [...whole.entries, ofIt as TocEntry] };
    expect(choose(both, ['Order', 'customer']).notRestored).toEqual([
      VIEW,
      { what: 'MATERIALIZED VIEW public.of_it', why: VIEW.why },
    ]);
    expect(choose(both, ['Order', 'customer', 'of_it']).notRestored).toEqual([]);
  });

  test('tables that inherit come with their rows, those of theirs too; foreign ones are named', async () => {
    const whole = await toc(name);
    const [some] = whole.entries;
    if (some === undefined) throw new Error('The dump is empty.');
    const made = (dumpId: number, desc: string, tag: string, definition: string): TocEntry => {
      const dependencies = desc === 'TABLE DATA' ? [dumpId - 1] : [];
      return { ...some, dumpId, desc, tag, definition, namespace: 's p', dependencies };
    };
    const of = (columns: string, parents: string) => `TABLE x (${columns})\nINHERITS (${parents})`;
    const both = of("inherits text DEFAULT ('a'::text)", 'public.customer, public."Order"');
    const entries = [
      ...whole.entries,
      made(
        1001,
        'TABLE',
        'Order 26',
        `CREATE ${both};\nALTER TABLE ONLY x REPLICA IDENTITY FULL;\n`,
      ),
      made(1002, 'TABLE DATA', 'Order 26', ''),
      made(1003, 'TABLE', 'of it', `CREATE ${of('\n', '"s p"."Order 26"')};\n`),
      made(1004, 'TABLE DATA', 'of it', ''),
      made(1005, 'TABLE', 'other', `CREATE ${of('\n', 'public.customer')};\n`),
      made(1006, 'TABLE', 'none', 'CREATE TABLE x (\n    inherits public."Order"\n);\n'),
      made(1007, 'FOREIGN TABLE', 'far', `CREATE FOREIGN ${of('', '"s p"."of it"')}\nSERVER s;\n`),
    ];
    const choice = choose({ ...whole, entries }, ['Order']);
    const inherited = choice.entries.filter((entry) =>
      / (Order 26|of it|other|none|far)$/.test(entry),
    );
    expect(inherited).toEqual([
      'TABLE Order 26',
      'TABLE DATA Order 26',
      'TABLE of it',
      'TABLE DATA of it',
    ]);
    expect(choice.notRestored).toContainEqual({
      what: 'FOREIGN TABLE s p.far',
      why: 'it inherits from what was chosen, and was not chosen itself',
    });
  });

  test('a schema is all that is in it, with its name to be quoted', async () => {
    const { entries } = choose(await toc(name), [], ['s p']);
    expect(entries.filter((entry) => !entry.startsWith('STATISTICS DATA'))).toEqual([
      'SCHEMA s p',
      'TABLE we"ird\nname',
      'ACL TABLE "we""ird\nname"',
      'TABLE DATA we"ird\nname',
      'CONSTRAINT we"ird\nname we"ird\nname_pkey',
      'STATISTICS st at',
    ]);
  });

  test('a view needs its tables, which come without their rows, and that is said', async () => {
    const { entries, notRestored } = choose(await toc(name), ['big_spender']);
    expect(entries).toEqual(
      expect.arrayContaining(['TABLE Order', 'VIEW big_spender', 'ACL TABLE big_spender']),
    );
    expect(entries).not.toContain('TABLE DATA Order');
    expect(notRestored).toContainEqual(
      expect.objectContaining({ what: 'rows, indexes and constraints of TABLE public.Order' }),
    );
  });

  test('large objects that a table names are told, as they are no part of it', async () => {
    const dump = await toc(name);
    const named = 'large objects that TABLE public.customer names';
    const told = (column: string, desc = 'BLOBS') => {
      const others = dump.entries.filter((entry) => !entry.desc.startsWith('BLOB'));
      const entries = others.map((entry) =>
        entry.desc === 'TABLE' && entry.tag === 'customer'
          ? { ...entry, definition: entry.definition.replace('(', `(\n    ${column},`) }
          : entry,
      );
      const [some] = entries;
      if (some === undefined) throw new Error('The dump is empty.');
      const blobs = { ...some, dumpId: 99_999, desc, tag: desc, dependencies: [] };
      const all = { ...dump, entries: [...entries, blobs] };
      return choose(all, ['customer']).notRestored.filter(({ what }) => what === named).length;
    };
    for (const column of ['photo oid', '"a ""b" public.lo NOT NULL', 'été "Ext x".lo']) {
      expect(told(column), column).toBe(1);
    }
    expect(told('photo oid', 'BLOB METADATA')).toBe(1);
    for (const column of ['oid integer', 'loan loan', 'lo public.lo_like', 'n text']) {
      expect(told(column), column).toBe(0);
    }
    expect(told('photo oid', 'TABLE')).toBe(0);
  });

  test('a table that is not there is refused with names that are near', async () => {
    const from = await toc(name);
    expect(() => choose(from, ['order'])).toThrow('The backup holds no table order.');
    const hints = ['order', 'public.custmer', 'nothing like it'].map((table) => {
      try {
        choose(from, [table]);
        return 'found';
      } catch (error) {
        return (error as { hint?: string }).hint ?? '';
      }
    });
    expect(hints[0]).toContain('It holds public.Order, ');
    expect(hints[1]).toContain('It holds public.customer. ');
    expect(hints[2]).toContain('holdfast list');
    expect(() => choose(from, [], ['publc'])).toThrow('The backup holds no schema publc.');
  });
});

test('names are split at a dot outside of quotes', () => {
  expect(splitName('Order')).toEqual({ schema: undefined, name: 'Order' });
  expect(splitName('shop.Order')).toEqual({ schema: 'shop', name: 'Order' });
  expect(splitName('"a.b"')).toEqual({ schema: undefined, name: 'a.b' });
  expect(splitName('"s p"."we""ird"')).toEqual({ schema: 's p', name: 'we"ird' });
  expect(splitName('shop."a.b"')).toEqual({ schema: 'shop', name: 'a.b' });
});

test('a name in a hint is written so that it can be given back', () => {
  const names = [
    ['public', 'Order', 'public.Order'],
    ['public', 'Odd.Name', 'public."Odd.Name"'],
    ['s.x', 'we"ird', '"s.x"."we""ird"'],
    ['In voice', "it's", `"In voice"."it's"`],
  ] as const;
  for (const [schema, name, written] of names) {
    expect(writeName(schema, name)).toBe(written);
    expect(splitName(written)).toEqual({ schema, name });
  }
  expect(nearest('Odd.Name', ['public."Odd.Name"', 'public.other'])).toEqual(['public."Odd.Name"']);
});

test('near is what differs by two letters at most, or holds the name', () => {
  const names = ['public.invoice', 'public.invoices_old', 'billing.Invoice', 'public.customer'];
  expect(nearest('invoices', names)).toEqual([
    'billing.Invoice',
    'public.invoice',
    'public.invoices_old',
  ]);
});
