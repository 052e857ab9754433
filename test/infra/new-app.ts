import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';

/** Runs `work` with an app without bundling, whose output is gone afterwards. */
export function withApp<T>(work: (app: App) => T): T {
  const outdir = mkdtempSync(join(tmpdir(), 'holdfast-synth-'));
  try {
    return work(new App({ outdir, context: { 'aws:cdk:bundling-stacks': [] } }));
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}
