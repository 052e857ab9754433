import { setTimeout as sleep } from 'node:timers/promises';
import { asHoldfastError, HoldfastError } from '../../../contract/errors.ts';
import type { WalOptions } from '../../../contract/physical-options.ts';
import { formatLsn } from '../../../contract/wal-segments.ts';
import { MAX_WAL_BYTES } from '../../../vault/wal/wal-message.ts';
import type { WalVault } from '../../../vault/wal/wal-vault.ts';
import { putHistory } from '../../../vault/wal/wal-writer.ts';
import type { Log } from '../log.ts';
import { settleWithin } from '../settle-within.ts';
import type { Candidate } from '../source/choose-source.ts';
import { whereabouts } from '../source/connection-error.ts';
import type { Access } from '../source/server.ts';
import { findWalServer, timelinesOf, type WalServer, type WalSource } from './find-wal-server.ts';
import { holdSlots } from './hold-slots.ts';
import { passGap } from './pass-gap.ts';
import { ownFrom, type StreamPlan } from './plan-stream.ts';
import { assertNotPutBack } from './put-back.ts';
import { assertSameTimelines } from './same-timelines.ts';
import { planOn } from './server-plan.ts';
import type { Patience } from './server-silence.ts';
import type { StoredUpTo } from './slots.ts';
import { tellTwoPrimaries } from './two-primaries.ts';
import { untilStored } from './until-stored.ts';
import { findReached, type Reached } from './vault-reached.ts';
import type { WalProgress } from './wal-progress.ts';
import { WalSession } from './wal-session.ts';
import { WAL_REMOVED } from './wal-stream.ts';
import { type WalMemory, WalUploads, walMemory } from './wal-uploads.ts';

/** Between two tries to find a server; doubled with each. Milliseconds. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;

/** How long a primary that was refused is let be while a standby does for it. Milliseconds. */
const REFUSED_FOR_MS = 60_000;

/** What came last may take so long to get into the vault once we are told to stop. Milliseconds. */
const LAST_WORDS_MS = 20_000;
/** And what is under way then may take so long to end. Milliseconds. */
const DROP_MS = 2_000;

/** Where the servers are, and how one gets in. */
export interface WalServers {
  readonly candidates: readonly Candidate[];
  readonly access: Access;
}

export interface StreamWalOptions {
  /** Asked for each connection: addresses and passwords change. */
  readonly servers: () => Promise<WalServers>;
  readonly slotName: string;
  readonly wal: WalOptions;
  readonly vault: Omit<WalVault, 'systemIdentifier' | 'signal'>;
  readonly log: Log;
  readonly progress: WalProgress;
  /** With a server that says nothing. @default PATIENCE */
  readonly patience?: Patience | undefined;
  /** Ends it; its reason is thrown once what came is in the vault, or cannot get there in time. */
  readonly signal: AbortSignal;
}

/**
 * Streams a cluster's WAL into the vault for as long as it is let: from the primary, wherever it goes.
 * Servers that are down, a vault that is away and rights that are missing are waited for.
 *
 * @throws HoldfastError WAL_CONFLICT; the signal's reason
 */
export async function streamWal(options: StreamWalOptions): Promise<never> {
  const { signal, log } = options;
  const streamer = new WalStreamer(options);
  for (let failures = 0; ; ) {
    signal.throwIfAborted();
    const began = Date.now();
    try {
      await streamer.once();
      failures = 0;
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      const error = asHoldfastError(thrown);
      const { code, message, hint } = error;
      if (code === 'WAL_CONFLICT') throw error;
      // One that has worked for a while has not failed again and again.
      failures = Date.now() - began > LONGEST_PAUSE_MS ? 0 : failures + 1;
      log.warn('stream broken', { code, message, hint, failures });
    }
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);
    await sleep(pause, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** What comes next over a connection. */
interface Onward {
  readonly source: WalSource;
  readonly plan: StreamPlan;
}

class WalStreamer {
  readonly #options: StreamWalOptions;
  /** Up to where the vault has WAL; unknown before it was asked. */
  #reached: Reached | undefined;
  #asked = false;
  /** Whose WAL it is; unknown before the first server was accepted. */
  #system: string | undefined;
  #memory: WalMemory | undefined;
  /** Of the connection before: it has what of the open segment no increment has. */
  #uploads: WalUploads | undefined;

  constructor(options: StreamWalOptions) {
    this.#options = options;
  }

  /** From finding a server to losing it. */
  async once(): Promise<void> {
    const { slotName, wal, log, progress, signal } = this.#options;
    const { candidates, access } = await this.#options.servers();
    let plan: StreamPlan | undefined;
    const source = await findWalServer({
      ...{ candidates, access, slotName, options: wal, log, system: this.#system },
      accept: async (found) => {
        plan = await this.#accept(found);
      },
    });
    const system = source.identity.systemIdentifier;
    this.#system = system;
    const elsewhere = new AbortController();
    const began = Date.now();
    // A standby may be promoted while it is streamed from.
    let current = source;
    const told = new Set<string>();
    const seen = (other: WalServer): void => {
      // Asked again all the time, one that was refused would keep us from streaming at all.
      const refused = source.refused.has(other.server.target);
      const wait = refused && Date.now() - began < REFUSED_FOR_MS;
      if (!wait && isBetter(other, current, this.#uploads?.timeline ?? 0)) {
        elsewhere.abort(movedTo(other));
      } else {
        tellTwoPrimaries(other, current, { log, progress, told });
      }
    };
    const others = candidates.filter((one) => one.target !== source.server.target);
    const stored = (): StoredUpTo => ({
      lsn: this.#uploads?.durable ?? 0n,
      primaryOn: current.inRecovery ? (this.#uploads?.timeline ?? 0) : 0,
    });
    const release = holdSlots({
      ...{ others, access, slotName, options: wal, system, stored, seen, log },
    });
    try {
      await assertNotPutBack(source, this.#reached);
      const either = AbortSignal.any([signal, elsewhere.signal]);
      let next: Onward | undefined = plan && { source, plan };
      while (next !== undefined) {
        current = next.source;
        next = await this.#stream(next, either);
      }
    } finally {
      release();
      await source.connection.close();
    }
  }

  /** Whether the server can go on with what the vault holds, and where. */
  async #accept(source: WalSource): Promise<StreamPlan> {
    const { vault, log } = this.#options;
    const { segmentBytes, slot, identity, server } = source;
    assertSegmentSize(source);
    if (slot.lost) {
      const hint = 'Where WAL turns out to be missing, the gap is told; take a base backup then.';
      log.error('slot lost', { server: whereabouts(server), hint });
    }
    const own = { ...vault, systemIdentifier: identity.systemIdentifier };
    await assertSameTimelines(own, source, whereabouts(server));
    if (!this.#asked) {
      this.#reached = await findReached(own, {
        segmentBytes,
        from: slot.fresh ? undefined : slot.restartLsn,
        own: (timeline) => ownFrom(source, timeline),
        server: whereabouts(server),
      });
      this.#asked = true;
    }
    return planOn(source, this.#reached);
  }

  /** Streams one timeline to its end. @returns how to go on; `undefined`: not with this server */
  async #stream({ source, plan }: Onward, signal: AbortSignal): Promise<Onward | undefined> {
    const { vault, log, wal, progress, slotName, patience } = this.#options;
    const { identity, segmentBytes, connection, server } = source;
    if (this.#memory?.segmentBytes !== segmentBytes) this.#memory = walMemory(segmentBytes);
    const own = { ...vault, systemIdentifier: identity.systemIdentifier };
    // A standby that was accepted may have been promoted since.
    const same = () => assertSameTimelines(own, source, whereabouts(server));
    await untilStored(same, { log, signal, what: 'the timelines' });
    await this.#leave(plan);
    if (plan.timeline > 1) {
      const { file, text } = await connection.timelineHistory(plan.timeline);
      const what = { log, signal, what: file };
      await untilStored(() => putHistory(own, file, text), what);
    }
    const uploads = new WalUploads({
      vault: own,
      memory: this.#memory,
      timeline: plan.timeline,
      start: plan.start,
      durable: plan.durable,
      incrementsFrom: plan.own,
      incrementSeconds: wal.synchronous ? 0 : wal.incrementSeconds,
      log,
      stored: (durable) => {
        this.#reached = { timeline: plan.timeline, end: durable };
        progress.stored(durable);
        session.report();
      },
    });
    this.#uploads = uploads;
    // A standby has not all, nor does an end tell anything that is that of a timeline left long ago.
    const hasAll = !source.inRecovery && plan.timeline === source.timeline;
    const session = new WalSession({
      ...{ connection, slotName, plan, uploads, signal, patience },
      ...(hasAll && { complete: (lsn: bigint, at: bigint) => uploads.completeAt(lsn, at) }),
      incrementSeconds: wal.synchronous ? 0 : wal.incrementSeconds,
      serverAt: (lsn) => progress.serverAt(lsn),
      received: (lsn) => {
        progress.received = lsn;
      },
    });
    const { timeline } = plan;
    const [start, durable] = [formatLsn(plan.start), formatLsn(plan.durable)];
    log.info('streaming', { server: whereabouts(server), timeline, start, durable });
    progress.begin(plan);
    progress.streaming = true;
    try {
      // What is left to do then may wait for the vault, while nothing comes.
      const end = await session.run().finally(() => {
        progress.streaming = false;
      });
      if (end === undefined) return undefined;
      await this.#finish(uploads);
      const switchLsn = formatLsn(end.switchLsn);
      log.info('timeline switched', { from: timeline, to: end.next, switchLsn });
      // It was a standby when it was asked, and has begun the timeline itself since.
      const inRecovery = await connection.inRecovery();
      const onward = { ...source, inRecovery, ...(await timelinesOf(connection)) };
      const reached = { timeline, end: end.switchLsn };
      const next = planOn(onward, reached);
      // What the vault has beyond the switch, because this server was behind, is of the timeline that is left.
      if (uploads.durable >= next.durable) return { source: onward, plan: next };
      return { source: onward, plan: { ...next, durable: uploads.durable } };
    } catch (error) {
      const { signal: stop } = this.#options;
      if (stop.aborted) await this.#lastWords(uploads, session);
      if ((error as { code?: string }).code === WAL_REMOVED) {
        return { source, plan: await this.#gap(source, plan) };
      }
      throw error;
    }
  }

  /** What the connection before has left is either the end of its timeline, or comes again. */
  async #leave(plan: StreamPlan): Promise<void> {
    const before = this.#uploads;
    this.#uploads = undefined;
    if (before === undefined) return;
    // It holds all up to the switch, or the plan would begin before that.
    try {
      if (plan.timeline !== before.timeline) await this.#finish(before);
    } finally {
      await this.#drop(before, new Error('the stream begins anew'));
    }
  }

  /** However long the vault is away, nobody waits for it any more who is told to stop. */
  async #finish(uploads: WalUploads): Promise<void> {
    await settleWithin(uploads.finish(), this.#options.signal, 0);
  }

  async #drop(uploads: WalUploads, reason: unknown): Promise<void> {
    await settleWithin(uploads.drop(reason), this.#options.signal, DROP_MS);
  }

  async #lastWords(uploads: WalUploads, session: WalSession): Promise<void> {
    const { log, signal } = this.#options;
    const failed = await settleWithin(uploads.flush(), signal, LAST_WORDS_MS).then(
      () => undefined,
      asHoldfastError,
    );
    session.report();
    const [received, durable] = [uploads.received, uploads.durable].map(formatLsn);
    log.info('stream stopped', { received, durable, ...(failed && { left: failed.message }) });
    await this.#drop(uploads, signal.reason);
  }

  /** The server has removed what the vault has not: from here on there is a hole. */
  async #gap(source: WalSource, plan: StreamPlan): Promise<StreamPlan> {
    const passed = await passGap(this.#options, source, plan);
    this.#reached = passed.reached;
    return passed.plan ?? planOn(source, passed.reached);
  }
}

/**
 * A primary is better than a standby, unless it is an old one that came back; and one that was promoted
 * since better than the one before.
 */
function isBetter(other: WalServer, source: WalSource, timeline: number): boolean {
  if (other.inRecovery) return false;
  return source.inRecovery ? other.timeline >= timeline : other.timeline > timeline;
}

function movedTo({ server }: WalServer): HoldfastError {
  return new HoldfastError('SOURCE_CHANGED', `${whereabouts(server)} is the primary now.`, {
    hint: 'Nothing needs to be done: the stream goes on from there.',
  });
}

function assertSegmentSize({ server, segmentBytes }: WalSource): void {
  if (segmentBytes <= MAX_WAL_BYTES) return;
  throw new HoldfastError(
    'SOURCE_SETTINGS',
    `${whereabouts(server)}: wal_segment_size is ${segmentBytes / 1024 / 1024} MB; 64 MB is the most.`,
    { hint: 'The size is chosen by initdb --wal-segsize. Use base backups with their own WAL.' },
  );
}
