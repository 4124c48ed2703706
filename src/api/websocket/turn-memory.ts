// A connection's memory of its own turns with `store: false`: their input and output, so that the next turn can refer to them by
// `previous_response_id`. Freed with the connection. Under memory pressure over all connections the oldest are dropped first; the
// client then gets `previous_response_not_found` and sends the whole input again.
import { LRUCache } from 'lru-cache';
import type { JsonObject } from '../../protocols/codec.ts';
import { parseCarried } from '../../protocols/wire/exact-json.ts';
import { memberBytes } from '../../protocols/wire/json-object.ts';
import { isRepeatable, itemsOf } from '../../responses/items.ts';

/** Per API process. */
const MAX_BYTES = 256 * 1024 * 1024;
const MAX_TURNS = 20_000;
/** Per connection: conversations fork, and a failed turn is retried from the one before it. */
const TURNS_PER_CONNECTION = 32;

/** Each item as JSON text. */
interface RememberedTurn {
  input: Buffer;
  output: Buffer;
}

export interface TurnMemory {
  open(): ConnectionMemory;
}

export interface ConnectionMemory {
  /** @param body of the turn, including the input of all turns before it. */
  keep(responseId: string, body: Buffer, output: Buffer): void;
  /** Items of the turn and of all turns before it; null if it is unknown. */
  recall(responseId: string): JsonObject[] | null;
  close(): void;
}

export function createTurnMemory(maxBytes: number = MAX_BYTES): TurnMemory {
  const turns = new LRUCache<string, RememberedTurn>({ max: MAX_TURNS, maxSize: maxBytes });
  let connections = 0;

  return {
    open() {
      const connection = ++connections;
      const own = new LRUCache<string, true>({
        max: TURNS_PER_CONNECTION,
        dispose: (_, responseId) => turns.delete(`${connection} ${responseId}`),
      });
      return {
        keep(responseId, body, output) {
          // Copied: a slice would keep the whole message in memory.
          const input = Buffer.from(memberBytes(body, 'input') ?? '[]');
          const turn = { input, output: Buffer.from(output) };
          const size = input.length + output.length;
          if (size > maxBytes) return;
          own.set(responseId, true);
          turns.set(`${connection} ${responseId}`, turn, { size });
        },
        recall(responseId) {
          const turn = turns.get(`${connection} ${responseId}`);
          if (turn === undefined) return null;
          return [turn.input, turn.output]
            .flatMap((text) => itemsOf(parseCarried(text.toString())))
            .filter(isRepeatable);
        },
        close: () => own.clear(),
      };
    },
  };
}
