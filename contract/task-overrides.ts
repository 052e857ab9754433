import { EnvironmentVariable } from './environment-variables.ts';
import { parseTaskRequest, type TaskRequest } from './request.ts';

/** What ECS tells of a task's overrides, in its answers and its events. */
export interface ToldOverrides {
  readonly containerOverrides?:
    | readonly {
        readonly environment?:
          | readonly { readonly name?: string | undefined; readonly value?: string | undefined }[]
          | undefined;
      }[]
    | undefined;
}

/** The request that a task was started with; `undefined` if it is of another version, or no task of ours. */
export function requestIn(overrides: ToldOverrides | undefined): TaskRequest | undefined {
  const text = overrides?.containerOverrides
    ?.flatMap(({ environment }) => environment ?? [])
    .find(({ name }) => name === EnvironmentVariable.Request)?.value;
  if (text === undefined) return undefined;
  try {
    return parseTaskRequest(text);
  } catch {
    return undefined;
  }
}
