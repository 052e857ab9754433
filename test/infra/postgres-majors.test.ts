import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Stack } from 'aws-cdk-lib';
import { DockerImageAsset } from 'aws-cdk-lib/aws-ecr-assets';
import { describe, expect, it } from 'vitest';
import {
  BuildArgument,
  POSTGRES_MAJORS,
  postgresMajor,
  SNAPSHOT_DATE,
  whatServes,
} from '../../contract/postgres-majors.ts';
import { imageArguments } from '../../infra/constructs/runner-task.ts';
import { withApp } from './new-app.ts';

function textOf(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

function majors(tested: boolean): number[] {
  return POSTGRES_MAJORS.filter((entry) => entry.tested === tested).map(({ major }) => major);
}

describe('PostgreSQL majors', () => {
  it('are served by an image of the same major, dumping with what its pg_dump knows', () => {
    expect(postgresMajor(15)).toMatchObject({
      image: 'postgres:15.20-trixie',
      compression: 'gzip:1',
    });
    expect(postgresMajor(18)).toMatchObject({
      image: 'postgres:18.6-trixie',
      compression: 'zstd:1',
    });
    expect(POSTGRES_MAJORS.map(({ major }) => major)).toEqual([15, 16, 17, 18]);
  });

  it('make another image of another minor, or up to another date', () => {
    const hashOf = (image: string, date: string): string =>
      withApp((app) => {
        const directory = fileURLToPath(new URL('../../containers/postgres/', import.meta.url));
        const buildArgs = imageArguments({ image }, date);
        return new DockerImageAsset(new Stack(app, 'Any'), 'Image', { directory, buildArgs })
          .assetHash;
      });
    const { image } = postgresMajor(17);
    const hash = hashOf(image, SNAPSHOT_DATE);
    expect(hashOf(image, SNAPSHOT_DATE)).toBe(hash);
    expect(hashOf(image.replace(/\.\d+/, '.99'), SNAPSHOT_DATE)).not.toBe(hash);
    expect(hashOf(image, '2027-01-01')).not.toBe(hash);
  });

  it.each([14, 19])('%i is refused by name', (major) => {
    expect(() => postgresMajor(major)).toThrow(
      `PostgreSQL ${major} is not supported: there are images for 15, 16, 17, 18.`,
    );
  });

  it('reach the image by the arguments that it declares', () => {
    const text = textOf('containers/postgres/Dockerfile');
    for (const name of Object.values(BuildArgument)) expect(text).toMatch(`ARG ${name}=`);
  });

  it('that are tested have a base in the setup, and the README names the others', () => {
    const list = /^POSTGRES_MAJORS=\((.*)\)$/m.exec(textOf('scripts/setup/images.sh'))?.[1] ?? '';
    expect(list.split(' ').map((pair) => Number.parseInt(pair, 10))).toEqual(majors(true));
    expect(majors(false)).toEqual([16]);
    expect(textOf('README.md')).toMatch(/16 is made from the same table and\s+is not tested/);
  });

  it.each([
    [15, 'postgres:15.20-trixie'],
    [14, 'There are images for PostgreSQL 15, 16, 17, 18'],
  ])('of a server decide what serves it: %i', (major, said) => {
    expect(whatServes(major)).toContain(said);
  });
});
