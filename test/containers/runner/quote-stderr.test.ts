import { expect, test } from 'vitest';
import { quoteStderr } from '../../../containers/runner/process/quote-stderr.ts';

test('the last lines are quoted, in one', () => {
  expect(quoteStderr('')).toBe('');
  expect(quoteStderr('1\n2\n\n3\n4\n5\n\t6\n')).toBe('2 | 3 | 4 | 5 | 6');
});

test('two processes that lose their connections do not hide what they were at', () => {
  const stderr = [
    'pg_basebackup: error: could not read COPY data: server closed the connection unexpectedly',
    '\tThis probably means the server terminated abnormally',
    'pg_basebackup: error: could not receive data from WAL stream: ',
    '\tbefore or while processing the request.',
    'server closed the connection unexpectedly',
    '\tThis probably means the server terminated abnormally',
    '\tbefore or while processing the request.',
    'pg_basebackup: data directory "/spool/base" not removed at user\'s request',
  ].join('\n');
  expect(quoteStderr(stderr)).toBe(
    'pg_basebackup: error: could not read COPY data: server closed the connection unexpectedly | ' +
      'pg_basebackup: error: could not receive data from WAL stream: | ' +
      'server closed the connection unexpectedly | ' +
      'pg_basebackup: data directory "/spool/base" not removed at user\'s request',
  );
});
