// Which stored state a request of the Responses API continues, and what is stored of its answer. Decided when the request is
// accepted; used by its worker, by readers of its stream and by the writer of the response.

export interface ResponseKeeping {
  /** How long it can be retrieved after its end. Milliseconds; null if not at all (`store: false`). */
  keepMs: number | null;
  /** Runs in the background: the client gets an answer at once, and its disconnect does not cancel the request. */
  isBackground: boolean;
  /** As given by the client; its items are already in the body. */
  previousResponseId: string | null;
  /** Conversation to which its own items and those of its answer are appended. */
  conversationId: string | null;
  /** Number of recalled items at the beginning of the body's input; the rest are this turn's own. */
  recalledItems: number;
  /** How long record and log are kept after the response is stored. Until then they are its only copy. Milliseconds. */
  afterwardsMs: number;
}
