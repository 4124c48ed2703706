// An error before it is written.

export interface AnthropicError {
  status: number;
  /** Default: what the status stands for. */
  type?: string;
  message: string;
  errorCode?: string;
  headers?: readonly string[];
}
