import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BuildArgument, POSTGRES_MAJORS, postgresMajor } from '../../contract/postgres-majors.ts';

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
    const path = new URL('../../containers/postgres/Dockerfile', import.meta.url);
    const text = readFileSync(path, 'utf8');
    for (const name of Object.values(BuildArgument)) expect(text).toMatch(`ARG ${name}=`);
  });
});
