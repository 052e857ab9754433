import { isDeepStrictEqual } from 'node:util';
import type { Template } from 'aws-cdk-lib/assertions';

interface Resource {
  readonly Type: string;
  readonly DeletionPolicy?: string;
  readonly Properties?: unknown;
}

export interface TemplateDiff {
  readonly added: readonly Resource[];
  readonly removed: readonly Resource[];
  /** As they are afterwards. */
  readonly changed: readonly Resource[];
}

/** What CloudFormation would do to a stack's resources if `after` came in the place of `before`. */
export function diffTemplates(before: Template, after: Template): TemplateDiff {
  const [old, fresh] = [resourcesOf(before), resourcesOf(after)];
  const entries = Object.entries(fresh);
  return {
    added: entries.filter(([id]) => !(id in old)).map(([, resource]) => resource),
    removed: Object.entries(old)
      .filter(([id]) => !(id in fresh))
      .map(([, resource]) => resource),
    changed: entries
      .filter(([id, resource]) => id in old && !isDeepStrictEqual(old[id], resource))
      .map(([, resource]) => resource),
  };
}

function resourcesOf(template: Template): Record<string, Resource> {
  return template.toJSON().Resources;
}
