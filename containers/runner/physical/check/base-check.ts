import { HoldfastError } from '../../../../contract/errors.ts';
import { AnsweringThread } from '../../../../vault/answering-thread.ts';
import type { CheckedBase, CheckOrder, CheckReply } from './check-orders.ts';

/** Beside this module: as it is, and as it is bundled. */
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './base-check-thread.ts' : './base-check-thread.mjs',
  import.meta.url,
);

/** A tar that is read along while it grows. */
export interface CheckedTar {
  /** Reads on by so many bytes, which are there. @throws HoldfastError DUMP_INCOMPLETE */
  take(bytes: number): Promise<void>;
  /** @throws HoldfastError DUMP_INCOMPLETE unless the archive is whole to its end. */
  end(): Promise<void>;
}

/** The thread that proves one base backup whole. */
export class BaseCheck {
  readonly #thread = new AnsweringThread<CheckOrder, CheckReply, CheckedBase | undefined>({
    module: THREAD,
    what: 'that checks',
    read: checked,
  });

  /** Begins with a tar, which is there, be it empty. */
  async open(tar: Omit<Extract<CheckOrder, { kind: 'open' }>, 'kind'>): Promise<CheckedTar> {
    const { name } = tar;
    await this.#thread.ask({ kind: 'open', ...tar });
    return {
      take: async (bytes) => void (await this.#thread.ask({ kind: 'take', name, bytes })),
      end: async () => void (await this.#thread.ask({ kind: 'end', name })),
    };
  }

  /**
   * Compares what was in all tars with what PostgreSQL says that it sent.
   *
   * @param path of the `backup_manifest`.
   * @throws HoldfastError DUMP_INCOMPLETE
   */
  async conclude(path: string): Promise<CheckedBase> {
    const base = await this.#thread.ask({ kind: 'conclude', path });
    if (base === undefined) throw new Error('The check came to no conclusion.');
    return base;
  }

  /** Ends the thread, whatever it does. */
  async stop(): Promise<void> {
    await this.#thread.stop();
  }
}

function checked(reply: CheckReply): CheckedBase | undefined {
  if (!('failure' in reply)) return reply.checked;
  const { code, message, hint } = reply.failure;
  throw new HoldfastError(code, message, { hint });
}
