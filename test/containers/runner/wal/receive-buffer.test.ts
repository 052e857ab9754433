import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ReceiveBuffer } from '../../../../containers/runner/wal/receive-buffer.ts';

const CAPACITY = 64;

test('whatever comes and goes, what is taken is what came, in order', () => {
  const came = fc.record({ bytes: fc.uint8Array({ maxLength: 40 }), taken: fc.nat(80) });
  fc.assert(
    fc.property(fc.array(came, { maxLength: 60 }), (steps) => {
      const buffer = new ReceiveBuffer(CAPACITY);
      const expected: number[] = [];
      for (const { bytes, taken } of steps) {
        const message = Buffer.from(bytes);
        const room = expected.length + message.length <= CAPACITY;
        expect(buffer.push(message)).toBe(room);
        if (room) expected.push(...message);
        // As the client does once it has handed a message on.
        message.fill(0);
        expect(buffer.length).toBe(expected.length);
        const piece = buffer.peek();
        expect(piece.length > 0).toBe(expected.length > 0);
        expect([...piece]).toEqual(expected.slice(0, piece.length));
        const dropped = Math.min(taken, piece.length);
        buffer.drop(dropped);
        expected.splice(0, dropped);
      }
    }),
  );
});
