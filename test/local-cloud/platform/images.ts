import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { BuildArgument, NODE_IMAGE, POSTGRES_MAJORS } from '../../../contract/postgres-majors.ts';
import type { ImageAsset } from '../assembly.ts';
import { runTool, toolEnvironment } from '../command.ts';
import { postgresBaseImage } from '../servers/container.ts';

/** What stands for each of the registry's images: the setup makes it, since no registry is asked. */
const BASES = new Map([
  ...POSTGRES_MAJORS.filter(({ tested }) => tested).map(
    ({ image, major }) => [image, postgresBaseImage(major)] as const,
  ),
  [NODE_IMAGE, 'localhost/holdfast-node-base:24'],
]);

/** What runc needs here, at build as at run. */
export const LIMITS = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'];

/** What podman knows an asset's image by. */
export function taskImage(hash: string): string {
  return `localhost/holdfast-task:${hash}`;
}

/** Builds the templates' image assets, each once; an image that exists is taken as it is. */
export class Images {
  private readonly assets: ReadonlyMap<string, ImageAsset>;
  private readonly directory: string;
  private readonly building = new Map<string, Promise<string>>();

  constructor(assets: ReadonlyMap<string, ImageAsset>, directory: string) {
    this.assets = assets;
    this.directory = directory;
  }

  /** @returns the image's name, once it is there. */
  build(hash: string): Promise<string> {
    const started = this.building.get(hash);
    if (started !== undefined) return started;
    const build = this.make(hash);
    this.building.set(hash, build);
    return build;
  }

  private async make(hash: string): Promise<string> {
    const asset = this.assets.get(hash);
    if (asset === undefined) throw new Error(`No image asset ${hash} was synthesized.`);
    const name = taskImage(hash);
    const logFile = join(this.directory, 'image-build.log');
    const existing = await execa('podman', ['image', 'exists', name], { reject: false });
    if (existing.exitCode === 0) {
      appendFileSync(logFile, `${name} exists\n`);
      return name;
    }
    await runTool(
      'buildah',
      [
        'bud',
        ...['--isolation', 'chroot', '--network', 'host', '--layers', '--force-rm'],
        ...LIMITS,
        ...Object.entries(asset.buildArguments).flatMap(([key, value]) => [
          '--build-arg',
          // The bases here are made of Debian's packages as they are: nothing is to be mended.
          `${key}=${key === BuildArgument.SnapshotDate ? '' : baseFor(value)}`,
        ]),
        ...['--tag', name, asset.directory],
      ],
      { env: toolEnvironment(), logFile },
    );
    return name;
  }
}

function baseFor(image: string): string {
  const base = BASES.get(image);
  if (base !== undefined) return base;
  throw new Error(
    `Nothing here stands for the image ${image}: there is only ${[...BASES.keys()].join(', ')}.`,
  );
}
