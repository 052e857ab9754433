import { expect, test } from 'vitest';
import {
  hideInLine,
  hideQuoted,
  hideValue,
} from '../../../containers/runner/restore/hide-values.ts';

const SECRET = 'S3CR3T';

test.each([
  [
    `ALTER ROLE app IN DATABASE src SET "app.jwt" TO '${SECRET}'`,
    'ALTER ROLE app IN DATABASE src SET "app.jwt"',
  ],
  [`ALTER DATABASE "set" SET x = '${SECRET}', 'b'`, 'ALTER DATABASE "set" SET x'],
  [`ALTER DATABASE src SET ${SECRET}`, 'ALTER DATABASE src SET'],
  [`COMMENT ON DATABASE src IS '${SECRET}'`, 'COMMENT ON DATABASE src'],
  [`SECURITY LABEL FOR p ON DATABASE src IS E'${SECRET}'`, 'SECURITY LABEL FOR p ON DATABASE src'],
  ['GRANT CONNECT ON DATABASE src TO "Odd ""R"', 'GRANT CONNECT ON DATABASE src TO "Odd ""R"'],
  ['ALTER DATABASE src OWNER TO app', 'ALTER DATABASE src OWNER TO app'],
])('of %s it tells what it is about', (statement, shown) => {
  expect(hideValue(statement)).toBe(shown);
});

test.each([
  [
    `Command was: CREATE USER MAPPING FOR u SERVER s OPTIONS ("user" 'me', password '${SECRET}');`,
    `Command was: CREATE USER MAPPING FOR u SERVER s OPTIONS ("user" '…', password '…');`,
  ],
  [
    `Command was: CREATE SUBSCRIPTION s CONNECTION 'host=a password=''${SECRET}''' PUBLICATION p;`,
    `Command was: CREATE SUBSCRIPTION s CONNECTION '…' PUBLICATION p;`,
  ],
  [
    `Command was: CREATE SERVER s FOREIGN DATA WRAPPER f OPTIONS (key '${SECRET}`,
    "Command was: CREATE SERVER s FOREIGN DATA WRAPPER f OPTIONS (key '…'",
  ],
  [
    `Command was: CREATE FUNCTION f() AS $_$ key := ${SECRET}`,
    "Command was: CREATE FUNCTION f() AS '…'",
  ],
  [
    'Command was: COPY public.t (a, b) FROM stdin;',
    'Command was: COPY public.t (a, b) FROM stdin;',
  ],
  [
    `ERROR:  invalid value for parameter "app.x": "${SECRET}"`,
    'ERROR:  invalid value for parameter "app.x": "…"',
  ],
  [
    `pg_restore: error: COPY failed for table "t": ERROR:  invalid input syntax for type integer: "${SECRET}`,
    'pg_restore: error: COPY failed for table "t": ERROR:  invalid input syntax for type integer: "…"',
  ],
  ['ERROR:  syntax error at or near "TABLF"', 'ERROR:  syntax error at or near "TABLF"'],
  [
    'pg_restore: error: could not open "x": No such file',
    'pg_restore: error: could not open "x": No such file',
  ],
])('of the line %s nothing is printed that may be secret', (line, shown) => {
  expect(hideInLine(line)).toBe(shown);
});

test('a message that quotes a value of the statement does not show it', () => {
  const statement = `ALTER DATABASE d SET x TO '${SECRET}', 'it''s'`;
  expect(hideQuoted(`"${SECRET}" and "it's" are none of "x"`, statement)).toBe(
    '"…" and "…" are none of "x"',
  );
});
