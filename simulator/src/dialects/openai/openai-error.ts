// An error before it is written.

export interface OpenaiError {
  status: number;
  message: string;
  /** Default: invalid_request_error. */
  type?: string;
  param?: string | null;
  code?: string | null;
  headers?: readonly string[];
}
