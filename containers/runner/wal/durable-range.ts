/**
 * How far everything is in the vault, without a gap. Pieces are acknowledged in any order; the end moves
 * only over what touches it.
 */
export class DurableRange {
  #end: bigint;
  #beyond: { readonly from: bigint; readonly to: bigint }[] = [];

  /** @param end up to which all is there already. */
  constructor(end: bigint) {
    this.#end = end;
  }

  get end(): bigint {
    return this.#end;
  }

  /** Takes note of a piece that the vault has. */
  add(from: bigint, to: bigint): void {
    if (to <= this.#end) return;
    this.#beyond.push({ from, to });
    for (;;) {
      const next = this.#beyond.find((piece) => piece.from <= this.#end && piece.to > this.#end);
      if (next === undefined) break;
      this.#end = next.to;
    }
    this.#beyond = this.#beyond.filter((piece) => piece.to > this.#end);
  }
}
