import {
  type Candidate,
  type ChooseOptions,
  type ChosenSource,
  chooseSource,
} from '../../../containers/runner/source/choose-source.ts';
import { parseConnectionUri } from '../../../containers/runner/source/connection-uri.ts';
import { trustFor } from '../../../containers/runner/source/trust.ts';
import type { HoldfastError } from '../../../contract/errors.ts';
import { prepareSource } from '../../local-cloud/seed.ts';
import { type Certificates, makeCertificates } from '../../local-cloud/servers/certificates.ts';
import { type Postgres, startPostgres } from '../../local-cloud/servers/postgres.ts';
import { type Run, startRun } from '../../local-cloud/servers/run.ts';

/** Real servers to choose from, without the rest of the cloud. */
export interface SourceFixture extends Postgres {
  readonly run: Run;
  readonly certificates: Certificates;
  /** Chooses among URIs, in their order. */
  choose(uris: readonly string[], more?: Partial<Options>): Promise<Choice>;
}

type Options = ChooseOptions['options'] & Pick<ChooseOptions, 'resolve' | 'last'>;

export interface Choice {
  /** What was chosen, or why nothing was. */
  readonly outcome: ChosenSource | HoldfastError;
  readonly refused: readonly { readonly candidate: Candidate; readonly why: HoldfastError }[];
}

export async function startSources(): Promise<SourceFixture> {
  const run = await startRun();
  const certificates = await makeCertificates(run);
  const postgres = await startPostgres({ run, certificates });
  await prepareSource(postgres.primary);
  await postgres.standby.waitForReplay();
  const trust = await trustFor(certificates.caPem, run.directory);
  return {
    ...postgres,
    run,
    certificates,
    choose: async (uris, { resolve, last, ...more } = {}) => {
      const refused: Choice['refused'][number][] = [];
      const outcome = await chooseSource({
        candidates: uris.flatMap((uri, uriIndex) =>
          parseConnectionUri(uri, uriIndex).map((target) => ({ target, uriIndex })),
        ),
        access: { ...trust, applicationName: 'holdfast test' },
        options: {
          postgresMajor: 17,
          maxReplayLagSeconds: 300,
          unknownLag: 'refuse',
          allowPrimary: false,
          pauseReplay: false,
          ...more,
        },
        refused: (candidate, why) => refused.push({ candidate, why }),
        last,
        ...(resolve === undefined ? {} : { resolve }),
      }).catch((error: HoldfastError) => error);
      return { outcome, refused };
    },
    stop: async () => {
      await postgres.stop();
      await run.stop();
    },
  };
}
