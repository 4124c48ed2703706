// An error before it is written.

export interface GoogleError {
  /** HTTP status. */
  code: number;
  /** Default: what the code stands for. */
  status?: string;
  message: string;
  details?: readonly object[];
  headers?: readonly string[];
}

export function detail(type: string, members: object): object {
  return { '@type': `type.googleapis.com/google.rpc.${type}`, ...members };
}
