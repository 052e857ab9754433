/** Where a task's log is, in CloudWatch Logs. */
export interface TaskLog {
  readonly group: string;
  readonly stream: string;
}

/** Lines of a log's end: the runner's last words are the very last line, or close to it. */
export const LAST_LINES = 50;

/** What matters here of a task definition, as ECS answers it. */
interface Definition {
  readonly containerDefinitions?:
    | readonly {
        readonly name?: string | undefined;
        readonly logConfiguration?:
          | { readonly options?: Readonly<Record<string, string>> | undefined }
          | undefined;
      }[]
    | undefined;
}

/** Where the log of one task is; `undefined` where its definition names no group. */
export function taskLogOf(
  definition: Definition | undefined,
  taskArn: string,
): TaskLog | undefined {
  const [container] = definition?.containerDefinitions ?? [];
  const { 'awslogs-group': group, 'awslogs-stream-prefix': prefix } =
    container?.logConfiguration?.options ?? {};
  if (group === undefined) return undefined;
  return { group, stream: `${prefix}/${container?.name}/${taskArn.split('/').at(-1)}` };
}
