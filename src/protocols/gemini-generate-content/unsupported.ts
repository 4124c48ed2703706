// Carries the path of a member that no other protocol has out of a nested decoder. Caught in decode-request.ts; never
// leaves this folder.
export class UnsupportedError extends Error {
  readonly param: string;

  constructor(param: string) {
    super(param);
    this.name = 'UnsupportedError';
    this.param = param;
  }
}
