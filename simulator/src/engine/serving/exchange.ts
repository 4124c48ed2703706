// One HTTP exchange as the engine sees it: what can be done to a connection, well or badly.

export interface Exchange {
  /** The client has gone, or the answer has ended. */
  readonly isClosed: boolean;
  /** Status and headers (names and values in turn); goes out with the first bytes. */
  head(status: number, headers: readonly string[]): void;
  /** Sends the status and headers now. */
  flushHead(): void;
  /** False when the client reads too slowly: wait for `onceWritable` before writing more. */
  write(bytes: string | Buffer): boolean;
  onceWritable(proceed: () => void): void;
  /** The proper end. */
  end(bytes?: string | Buffer): void;
  /** Closes the connection in the middle of the message, after what was written has left. */
  cut(): void;
  /** Resets the connection, after what was written has been handed to the kernel. */
  reset(): void;
  /** Holds the connection open and says nothing, until the client goes away or the longest silence is over. */
  hold(): void;
  /** Called once when the exchange is over, however it ended. */
  onceClosed(notify: () => void): void;
}
