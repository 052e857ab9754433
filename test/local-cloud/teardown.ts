/** What has to be undone at the end, in the reverse order of its making; also while things still start. */
export class Teardown {
  private readonly steps: { readonly what: string; readonly undo: () => Promise<void> }[] = [];
  private done: Promise<void> | undefined;

  /** Once the end has begun, what comes late is undone at once. */
  async add(what: string, undo: () => Promise<void>): Promise<void> {
    if (this.done !== undefined) {
      await undo();
      throw new Error(`The local cloud was stopped while starting (${what}).`);
    }
    this.steps.push({ what, undo });
  }

  /** Undoes everything, once, and goes on past a step that fails. */
  run(report: (line: string) => void): Promise<void> {
    this.done ??= this.undoAll(report);
    return this.done;
  }

  private async undoAll(report: (line: string) => void): Promise<void> {
    for (const { what, undo } of this.steps.toReversed()) {
      await undo().catch((error: unknown) => report(`could not stop ${what}: ${String(error)}`));
    }
  }
}
