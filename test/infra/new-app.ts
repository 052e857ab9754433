import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';

/** An app without bundling, whose output goes with this process. */
export function newApp(): App {
  const outdir = mkdtempSync(join(tmpdir(), 'holdfast-synth-'));
  process.once('exit', () => rmSync(outdir, { recursive: true, force: true }));
  return new App({ outdir, context: { 'aws:cdk:bundling-stacks': [] } });
}
