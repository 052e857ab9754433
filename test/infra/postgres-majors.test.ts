import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  BuildArgument,
  POSTGRES_MAJORS,
  postgresMajor,
  whatServes,
} from '../../contract/postgres-majors.ts';

function textOf(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

function majors(tested: boolean): number[] {
  return POSTGRES_MAJORS.filter((entry) => entry.tested === tested).map(({ major }) => major);
}

describe('PostgreSQL majors', () => {
  it('are served by an image of the same major, dumping with what its pg_dump knows', () => {
    expect(postgresMajor(15)).toMatchObject({ image: 'postgres:15-trixie', compression: 'gzip:1' });
    expect(postgresMajor(18)).toMatchObject({ image: 'postgres:18-trixie', compression: 'zstd:1' });
    expect(POSTGRES_MAJORS.map(({ major }) => major)).toEqual([15, 16, 17, 18]);
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
    [15, 'postgres:15-trixie'],
    [14, 'There are images for PostgreSQL 15, 16, 17, 18'],
  ])('of a server decide what serves it: %i', (major, said) => {
    expect(whatServes(major)).toContain(said);
  });
});
