// An error before it is encoded.

export interface GoogleError {
  /** HTTP status. */
  code: number;
  /** Default: the status of the code. */
  status?: string;
  message: string;
  details?: readonly object[];
  headers?: readonly string[];
}

export function detail(type: string, members: object): object {
  return { '@type': `type.googleapis.com/google.rpc.${type}`, ...members };
}
