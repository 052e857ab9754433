import type { EventPattern, Model, RuleModel } from '../model.ts';
import type { FunctionAnswer } from './functions.ts';
import type { Lambda } from './lambda.ts';

/**
 * EventBridge's default bus: hands an event to the functions of the rules that match it. EventBridge
 * itself does not wait for a function, and Lambda would call one that failed twice more; here each is
 * called once, and its answer kept.
 */
export class EventBus {
  private readonly model: Model;
  private readonly lambda: Lambda;

  constructor(model: Model, lambda: Lambda) {
    this.model = model;
    this.lambda = lambda;
  }

  /** @returns what each target answered */
  async put(event: object): Promise<FunctionAnswer[]> {
    const rules = this.model.rules.filter(
      (rule) => rule.enabled && matches(rule.pattern, event as Record<string, unknown>),
    );
    return await Promise.all(rules.flatMap((rule) => this.invokeTargets(rule, event)));
  }

  private invokeTargets(rule: RuleModel, event: object): Promise<FunctionAnswer>[] {
    return rule.targetArns.map((arn) =>
      this.lambda.invokeFor(
        { principal: 'events.amazonaws.com', sourceArn: rule.arn },
        arn,
        JSON.stringify(event),
      ),
    );
  }
}

/**
 * Whether an event has all that a pattern asks for.
 *
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 * @throws Error on an operator that is not known here
 */
export function matches(pattern: EventPattern, event: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(pattern).every(([key, wanted]) => {
    const found = event[key];
    if (Array.isArray(wanted)) return wanted.some((one) => fits(one, found));
    return (
      typeof found === 'object' &&
      found !== null &&
      matches(wanted as EventPattern, found as Record<string, unknown>)
    );
  });
}

function fits(wanted: unknown, found: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return wanted === found;
  const [[operator, operand] = [], ...others] = Object.entries(wanted);
  if (operator === 'prefix' && others.length === 0) {
    return typeof found === 'string' && found.startsWith(String(operand));
  }
  throw new Error(`No rule for ${JSON.stringify(wanted)} in an event pattern: add one here.`);
}
