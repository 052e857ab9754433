import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseGlobals } from '../../../containers/runner/restore/globals/parse-globals.ts';

/** As PostgreSQL's `fmtId` and `appendStringLiteral` write them. */
const quoted = (name: string) =>
  /^[a-z_][a-z0-9_]*$/.test(name) && !KEYWORDS.includes(name)
    ? name
    : `"${name.replaceAll('"', '""')}"`;
const literal = (text: string) =>
  text.includes('\\')
    ? `E'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
    : `'${text.replaceAll("'", "''")}'`;

/** Names that are read as something else where they are not quoted. */
const KEYWORDS = ['all', 'to', 'on', 'with', 'set', 'granted', 'current_user', 'limit', 'role'];

const odd = fc.constantFrom(
  ...[' ', '"', "'", '\\', ';', '\n', '\r', '\t', '-', '--', '$', '$$', '.', ',', '/*', '='],
  ...['a', 'B', '1', '10', 'e', 'E', 'ü', '名', '_', ...KEYWORDS, 'PUBLIC', '\\restrict x\n'],
);
const text = fc.string({ unit: odd, maxLength: 8 });
const name = fc
  .oneof(fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/), text)
  .filter((one) => one !== '' && one !== 'public' && one !== 'none');

const role = fc.record({
  name,
  flags: fc.subarray(['SUPERUSER', 'CREATEROLE', 'CREATEDB', 'LOGIN', 'REPLICATION', 'BYPASSRLS']),
  inherits: fc.boolean(),
  limit: fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 2 ** 31 - 1 }), fc.nat(200)),
  password: fc.option(text, { nil: undefined }),
  validUntil: fc.option(fc.constantFrom('infinity', '2031-02-03 04:05:06+00', '294276-01-01 BC'), {
    nil: undefined,
  }),
  settings: fc.uniqueArray(
    fc.record({
      setting: fc.oneof(fc.constantFrom('work_mem', 'DateStyle', 'search_path'), name),
      values: fc.array(fc.oneof(text, fc.integer().map(String)), { minLength: 1, maxLength: 3 }),
    }),
    { selector: ({ setting }) => setting, maxLength: 3 },
  ),
  comment: fc.option(text, { nil: undefined }),
  parameter: fc.option(name, { nil: undefined }),
});
const membership = fc.record({
  from: fc.nat(),
  to: fc.nat(),
  by: fc.option(fc.nat(), { nil: undefined }),
  options: fc.constantFrom('', ' WITH ADMIN OPTION', ' WITH INHERIT FALSE, SET FALSE'),
});

const server = fc
  .record({
    roles: fc.uniqueArray(role, { selector: (one) => one.name, minLength: 1, maxLength: 5 }),
    memberships: fc.array(membership, { maxLength: 5 }),
  })
  .map(({ roles, memberships }) => {
    const nameAt = (at: number) => roles[at % roles.length]?.name ?? '';
    return {
      roles,
      memberships: memberships.map(({ from, to, by, options }) => ({
        role: nameAt(from),
        member: nameAt(to),
        grantedBy: by === undefined ? undefined : nameAt(by),
        options,
      })),
    };
  });
type Server = typeof server extends fc.Arbitrary<infer T> ? T : never;

/** What `pg_dumpall --globals-only` would write of it. */
function dump({ roles, memberships }: Server): string {
  const lines = ['-- \n\n\\restrict aB1;', '', "SET client_encoding = 'UTF8';"];
  for (const one of roles) {
    const flags = ['SUPERUSER', 'CREATEROLE', 'CREATEDB', 'LOGIN', 'REPLICATION', 'BYPASSRLS'].map(
      (flag) => ((one.flags as string[]).includes(flag) ? flag : `NO${flag}`),
    );
    lines.push(
      `CREATE ROLE ${quoted(one.name)};`,
      [
        `ALTER ROLE ${quoted(one.name)} WITH ${flags[0]} ${one.inherits ? '' : 'NO'}INHERIT`,
        ...flags.slice(1),
        ...(one.limit === -1 ? [] : [`CONNECTION LIMIT ${one.limit}`]),
        ...(one.password === undefined ? [] : [`PASSWORD ${literal(one.password)}`]),
        ...(one.validUntil === undefined ? [] : [`VALID UNTIL ${literal(one.validUntil)}`]),
      ]
        .join(' ')
        .concat(';'),
    );
    if (one.comment !== undefined) {
      lines.push(`COMMENT ON ROLE ${quoted(one.name)} IS ${literal(one.comment)};`);
    }
  }
  for (const one of roles) {
    lines.push('--', `-- User Config "${one.name.replaceAll(/[\r\n]/g, ' ')}"`, '--');
    for (const { setting, values } of one.settings) {
      const list = values.map(literal).join(', ');
      lines.push(`ALTER ROLE ${quoted(one.name)} SET ${quoted(setting)} TO ${list};`);
    }
  }
  for (const { role: from, member, grantedBy, options } of memberships) {
    const by = grantedBy === undefined ? '' : ` GRANTED BY ${quoted(grantedBy)}`;
    lines.push(`GRANT ${quoted(from)} TO ${quoted(member)}${options}${by};`);
  }
  for (const { name: grantee, parameter } of roles) {
    if (parameter === undefined) continue;
    lines.push(`GRANT SET ON PARAMETER ${quoted(parameter)} TO ${quoted(grantee)};`);
  }
  return `${lines.join('\n')}\n\\unrestrict aB1\n-- end\n`;
}

test('roles with odd names, attributes, limits, memberships and settings are read as they were', () => {
  fc.assert(
    fc.property(server, (given) => {
      const read = parseGlobals(dump(given));
      expect(read.unknown).toEqual([]);
      expect(read.roles).toEqual(
        given.roles.map(({ name: of, flags, inherits, limit, password, validUntil }) => {
          const [superuser, ...others] = [
            'SUPERUSER',
            ...flags.filter((one) => one !== 'SUPERUSER'),
          ];
          return {
            name: of,
            attributes: [
              ...((flags as string[]).includes('SUPERUSER') ? [superuser] : []),
              ...(inherits ? [] : ['NOINHERIT']),
              ...others,
              ...(limit === -1 ? [] : [`CONNECTION LIMIT ${limit}`]),
              ...(password === undefined ? [] : [`PASSWORD ${literal(password)}`]),
              ...(validUntil === undefined ? [] : [`VALID UNTIL ${literal(validUntil)}`]),
            ],
            hasPassword: password !== undefined,
          };
        }),
      );
      expect(
        read.memberships.map(({ role: of, member, grantedBy }) => ({
          role: of,
          member,
          grantedBy,
        })),
      ).toEqual(given.memberships.map(({ options: _, ...one }) => one));
      const settings = read.statements.filter(({ setting }) => setting !== undefined);
      expect(settings.map(({ roles, setting }) => [roles, setting])).toEqual(
        given.roles.flatMap(({ name: of, settings: those }) =>
          those.map(({ setting, values }) => [[of], { name: setting, values }]),
        ),
      );
      const others = read.statements.filter(({ setting }) => setting === undefined);
      expect(others.map(({ what, roles }) => [what, roles])).toEqual([
        ...given.roles
          .filter(({ comment }) => comment !== undefined)
          .map(({ name: of }) => [`comment of the role ${of}`, [of]]),
        ...given.roles
          .filter(({ parameter }) => parameter !== undefined)
          .map(({ name: of, parameter }) => [`right of ${of} on the parameter ${parameter}`, [of]]),
      ]);
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['CONNECTION LIMIT 100', ['CONNECTION LIMIT 100']],
  ['CONNECTION LIMIT 0 LOGIN', ['CONNECTION LIMIT 0', 'LOGIN']],
  ['CONNECTION LIMIT -1 LOGIN', ['LOGIN']],
  ["VALID UNTIL 'infinity' CONNECTION LIMIT 10", ["VALID UNTIL 'infinity'", 'CONNECTION LIMIT 10']],
])('%s is read as its attributes', (written, attributes) => {
  const { roles, unknown } = parseGlobals(`CREATE ROLE x;\nALTER ROLE x WITH ${written};\n`);
  expect(roles).toEqual([{ name: 'x', attributes, hasPassword: false }]);
  expect(unknown).toEqual([]);
});

test('a setting may be a number, a word or a list', () => {
  const values = (written: string) =>
    parseGlobals(`ALTER ROLE x SET a.b TO ${written};`).statements[0]?.setting?.values;
  expect(['1.5', '-10', 'on', `100, 'b'`, `E'\\\\''x'`].map(values)).toEqual([
    ...[['1.5'], ['-10'], ['on'], ['100', 'b'], ["\\'x"]],
  ]);
});
