import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connectionError } from '../../containers/runner/source/connection-error.ts';
import type { Server } from '../../containers/runner/source/server.ts';
import { TASK_FAILED } from '../../contract/last-words.ts';
import { judge } from '../../contract/verdict.ts';
import { messageFor } from '../../functions/task-stopped/message.ts';
import { SETTINGS, stopped } from '../functions/task-stopped/example-stop.ts';
import { ROOT } from './source-files.ts';

test('the mail in docs/notifications.md is the one that is sent', () => {
  const refused = { code: '28P01', message: 'password authentication failed for user "holdfast"' };
  const target = { host: 'replica.db.example.com', port: 5432 } as Server['target'];
  const { code, message, hint, retryable, exitCode } = connectionError(refused, { target });
  const words = { event: TASK_FAILED, code, message, hint: hint ?? '', retryable } as const;
  const task = stopped({ exitCode });
  const verdict = judge(task, words);
  const mail = messageFor({ task, verdict, heard: { words }, retry: { kind: 'none' } }, SETTINGS);
  const text = readFileSync(join(ROOT, 'docs/notifications.md'), 'utf8');
  const sample = /^## A mail\n[\s\S]*?^```\n([\s\S]*?)^```$/m.exec(text)?.[1];
  expect(sample).toBe(`Subject: ${mail?.subject}\n\n${mail?.body}`);
});
