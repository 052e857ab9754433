/** Values that must never be printed, whatever message they turn up in. */
const REDACTED = '**redacted**';

export type LogFields = Readonly<Record<string, unknown>>;

/** Structured lines for CloudWatch Logs, one JSON object each. */
export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** From now on, this text is never printed. */
  hide(secret: string): void;
}

export function createLog(write: (line: string) => void, context: LogFields = {}): Log {
  const secrets: string[] = [];
  const print = (level: string, event: string, fields: LogFields = {}): void => {
    const line = JSON.stringify({
      time: new Date().toISOString(),
      level,
      event,
      ...context,
      ...fields,
    });
    write(`${secrets.reduce((text, secret) => text.replaceAll(secret, REDACTED), line)}\n`);
  };
  return {
    info: (event, fields) => print('info', event, fields),
    warn: (event, fields) => print('warn', event, fields),
    error: (event, fields) => print('error', event, fields),
    hide: (secret) => {
      // Very short ones would blot out innocent text, and protect nothing.
      if (secret.length < 4) return;
      secrets.push(secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret));
    },
  };
}
