// One HTTP exchange as the engine sees it: all operations on a connection, proper and faulty.

export interface Exchange {
  /** The client has gone, or the answer has ended. */
  readonly isClosed: boolean;
  /** Status and headers (names and values in turn); goes out with the first bytes. */
  head(status: number, headers: readonly string[]): void;
  /** Sends the status and headers now. */
  flushHead(): void;
  /** False if the client reads too slowly: wait for `onceWritable` before writing more. */
  write(bytes: string | Buffer): boolean;
  onceWritable(proceed: () => void): void;
  /** The proper end. */
  end(bytes?: string | Buffer): void;
  /** Closes the connection in the middle of the message, after written data was sent. */
  cut(): void;
  /** Resets the connection, after written data was passed to the kernel. */
  reset(): void;
  /** Keeps the connection open without sending anything, until the client disconnects or the longest silence is over. */
  hold(): void;
  /** Called once when the exchange is over, however it ended. */
  onceClosed(notify: () => void): void;
}
