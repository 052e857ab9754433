import type { z } from 'zod';

/** One line out of a schema's findings: where, and what is wrong. Never prints the value itself. */
export function explainIssues(error: z.ZodError): string {
  return error.issues
    .map((issue) => {
      const where = issue.path.length === 0 ? '' : `${issue.path.map(String).join('.')}: `;
      return `${where}${issue.message}`;
    })
    .join('; ');
}
