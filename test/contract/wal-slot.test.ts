import { describe, expect, test } from 'vitest';
import { walSlotName } from '../../contract/wal-slot.ts';

describe("the slot's name", () => {
  test('is made of what PostgreSQL takes', () => {
    expect(walSlotName('prod-eu', 'orders-2')).toBe('holdfast_prod_eu__orders_2');
  });

  test('tells clusters apart whose names are parted elsewhere', () => {
    const pairs = [
      ...[
        ['prod', 'a-b'],
        ['prod-a', 'b'],
        ['prod-a-b', 'c'],
        ['prod', 'a-b-c'],
      ],
      // Names may begin and end with hyphens, and have several of them together.
      ...[
        ['prod-', 'a'],
        ['prod', '-a'],
        ['prod--a', 'b'],
        ['prod', 'a--b'],
        ['prod-', '-a'],
      ],
      ...[
        ['-', '-'],
        ['-', '--'],
        ['--', '-'],
        ['prod--', 'a'],
        ['prod', 'a-'],
        ['prod', 'a'],
      ],
    ];
    const names = pairs.map(([environment = '', cluster = '']) =>
      walSlotName(environment, cluster),
    );
    expect(new Set(names).size).toBe(pairs.length);
    for (const name of names) expect(name).toMatch(/^[a-z0-9_]{1,63}$/);
  });

  test('is cut where it is too long, and still tells clusters apart', () => {
    const [a, b] = ['a', 'b'].map((last) => walSlotName('e'.repeat(20), 'c'.repeat(39) + last));
    expect(a).toMatch(/^[a-z0-9_]{63}$/);
    expect(b).toMatch(/^[a-z0-9_]{63}$/);
    expect(a).not.toBe(b);
    // No cluster can be called as one of them is cut.
    const cut = a?.slice(`holdfast_${'e'.repeat(20)}__`.length).replaceAll('_', '-') ?? '';
    expect(walSlotName('e'.repeat(20), cut)).not.toBe(a);
  });

  test('of the longest that fits is kept', () => {
    expect(walSlotName('e'.repeat(20), 'c'.repeat(32))).toHaveLength(63);
    expect(walSlotName('e'.repeat(20), 'c'.repeat(32))).not.toMatch(/__.*__/);
  });
});
