import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { LIMITS } from '../local-cloud/platform/images.ts';
import { cacheDirectory } from '../local-cloud/servers/cache-directory.ts';
import { POSTGRES_IMAGE } from '../local-cloud/servers/container.ts';

const IMAGE = 'localhost/holdfast-bench-contenders:17';
/** As scripts/setup/images.sh marks its images. */
const RECIPE_LABEL = 'holdfast.recipe';

// boto3 is what barman-cloud talks to S3 with, and only recommended by its package; tar unpacks
// with zstd.
const CONTAINERFILE = `FROM ${POSTGRES_IMAGE}
RUN apt-get update && \\
    apt-get install --yes --no-install-recommends pgbackrest barman-cli-cloud python3-boto3 zstd && \\
    rm -rf /var/lib/apt/lists/*
`;

/**
 * PostgreSQL 17 with pgBackRest and barman-cloud beside it, of the same Debian release. It is made once,
 * in about 20 seconds, and stays in podman's image store.
 *
 * @returns the image's name.
 */
export async function contendersImage(log: (line: string) => void): Promise<string> {
  const base = await inspected(POSTGRES_IMAGE, '{{.Id}}');
  const recipe = createHash('sha256').update(`${base} ${CONTAINERFILE}`).digest('hex').slice(0, 16);
  const made = await inspected(IMAGE, `{{index .Labels "${RECIPE_LABEL}"}}`);
  if (made === recipe) return IMAGE;
  log(`making the image ${IMAGE}; it is kept for the next run`);
  await mkdir(join(cacheDirectory(), 'bench'), { recursive: true });
  const context = await mkdtemp(join(cacheDirectory(), 'bench', 'image-'));
  try {
    await writeFile(join(context, 'Containerfile'), CONTAINERFILE);
    await execa('buildah', [
      ...['bud', '--isolation', 'chroot', '--network', 'host', ...LIMITS],
      ...['--label', `${RECIPE_LABEL}=${recipe}`, '--tag', IMAGE, context],
    ]);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
  return IMAGE;
}

/** Empty where there is no such image. */
async function inspected(image: string, format: string): Promise<string> {
  const { stdout } = await execa('podman', ['image', 'inspect', '--format', format, image], {
    reject: false,
  });
  return stdout.trim();
}
