import { InvalidArgumentError } from 'commander';
import type { ClusterName } from '../contract/names.ts';

/** An option's parser: the text as it is, if the schema takes it. */
export function checkedBy(schema: typeof ClusterName): (text: string) => string {
  return (text) => {
    const parsed = schema.safeParse(text);
    if (parsed.success) return text;
    throw new InvalidArgumentError(`It ${parsed.error.issues[0]?.message}.`);
  };
}
