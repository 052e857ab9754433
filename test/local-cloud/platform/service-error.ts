/** An error as a service answers it: a code that the SDK turns into the error's name. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: string;
  readonly status: number;
  /** What else the error tells, as the service's model names it. */
  readonly members: object;

  constructor(code: string, message: string, status = 400, members: object = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.members = members;
  }
}
