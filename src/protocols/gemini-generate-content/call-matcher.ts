// Which function response belongs to which call. Ids are optional in Gemini; responses without one answer the calls of
// their name in order. Generated ids are the same for the same conversation, so that prompt caches keep hitting.

interface Call {
  id: string;
  name: string;
  isAnswered: boolean;
}

export class CallMatcher {
  readonly #calls: Call[] = [];

  /** The call's id, generated where the client gives none. */
  called(givenId: string | null, name: string): string {
    const id = givenId ?? this.#freeId();
    this.#calls.push({ id, name, isAnswered: false });
    return id;
  }

  /** The id of the call that is answered; a response to nothing gets one of its own. */
  answered(givenId: string | null, name: string): string {
    const open = this.#calls.filter((call) => !call.isAnswered);
    const call =
      open.find(({ id }) => id === givenId) ?? open.find((candidate) => candidate.name === name) ?? open[0] ?? null;
    if (call === null) return givenId ?? this.#freeId();
    call.isAnswered = true;
    return call.id;
  }

  #freeId(): string {
    for (let ordinal = this.#calls.length + 1; ; ordinal++) {
      const id = `call_${ordinal}`;
      if (this.#calls.every((call) => call.id !== id)) return id;
    }
  }
}
