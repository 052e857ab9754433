import type { FunctionModel, Model } from '../model.ts';
import { authorize, type Caller } from './authorize.ts';
import type { FunctionAnswer, Functions } from './functions.ts';
import { ServiceError } from './service-error.ts';

export interface InvokeResult {
  readonly status: 200 | 202;
  readonly answer?: FunctionAnswer;
}

/** AWS Lambda's Invoke. */
export class Lambda {
  private readonly model: Model;
  private readonly functions: Functions;

  constructor(model: Model, functions: Functions) {
    this.model = model;
    this.functions = functions;
  }

  /** @param type `RequestResponse`, or `Event`, whose answer nobody gets */
  async invoke(
    nameOrArn: string,
    type: string,
    payload: string,
    caller: Caller,
  ): Promise<InvokeResult> {
    const target = this.find(nameOrArn);
    await authorize(caller, this.model.account, {
      action: 'lambda:InvokeFunction',
      resource: target?.arn ?? this.arn(nameOrArn),
    });
    if (target === undefined) {
      throw new ServiceError(
        'ResourceNotFoundException',
        `Function not found: ${this.arn(nameOrArn)}`,
        404,
      );
    }
    if (!isJson(payload)) {
      throw new ServiceError(
        'InvalidRequestContentException',
        'Could not parse request body into json',
      );
    }
    if (type === 'Event') {
      // Lambda would try twice more after a minute and two; a failure is in the function's log here.
      void this.functions.invoke(target, payload);
      return { status: 202 };
    }
    return { status: 200, answer: await this.functions.invoke(target, payload) };
  }

  /** As a service, which has no role: the function's own policy has to let it. */
  async invokeFor(
    { principal, sourceArn }: { readonly principal: string; readonly sourceArn: string },
    functionArn: string,
    payload: string,
  ): Promise<FunctionAnswer> {
    const target = this.find(functionArn);
    const allowed = this.model.invokePermissions.some(
      (each) =>
        each.functionArn === target?.arn &&
        each.principal === principal &&
        each.sourceArn === sourceArn,
    );
    if (target !== undefined && allowed) return await this.functions.invoke(target, payload);
    throw new ServiceError(
      'AccessDeniedException',
      `${principal} is not authorized to perform: lambda:InvokeFunction on resource: ${functionArn} for ${sourceArn}`,
      403,
    );
  }

  private find(nameOrArn: string): FunctionModel | undefined {
    return [...this.model.functions.values()].find(
      ({ name, arn }) => name === nameOrArn || arn === nameOrArn,
    );
  }

  private arn(name: string): string {
    const { region, account } = this.model;
    return name.startsWith('arn:') ? name : `arn:aws:lambda:${region}:${account}:function:${name}`;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
