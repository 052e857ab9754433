import { describe, expect, test } from 'vitest';
import { walSlotName } from '../../contract/wal-slot.ts';

describe("the slot's name", () => {
  test('is made of what PostgreSQL takes', () => {
    expect(walSlotName('prod-eu', 'orders-2')).toBe('holdfast_prod_eu_orders_2');
  });

  test('is cut where it is too long, and still tells clusters apart', () => {
    const [a, b] = ['a', 'b'].map((last) => walSlotName('e'.repeat(20), 'c'.repeat(39) + last));
    expect(a).toMatch(/^[a-z0-9_]{63}$/);
    expect(b).toMatch(/^[a-z0-9_]{63}$/);
    expect(a).not.toBe(b);
  });

  test('of the longest that fits is kept', () => {
    expect(walSlotName('e'.repeat(20), 'c'.repeat(33))).toHaveLength(63);
  });
});
