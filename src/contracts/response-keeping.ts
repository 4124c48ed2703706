// What a request of the Responses API leaves behind, and what of the past it was asked with. Decided when it is accepted;
// its worker, its onlookers and the writer of the response go by it.

export interface ResponseKeeping {
  /** How long it can be retrieved after its end. Milliseconds; null: not at all (`store: false`). */
  keepMs: number | null;
  /** Answered at once; nobody's leaving ends it. */
  isBackground: boolean;
  /** As the client named it; its items are in the body already. */
  previousResponseId: string | null;
  /** Its own items and those of its answer are appended there. */
  conversationId: string | null;
  /** So many items at the beginning of the body's input were recalled; the rest is this turn's own. */
  recalledItems: number;
  /** How long record and log stay once the response is written: until then they are all there is of it. Milliseconds. */
  afterwardsMs: number;
}
