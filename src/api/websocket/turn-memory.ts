// What a connection remembers of its own turns that are stored nowhere (`store: false`): their input and output, so that
// the next turn can name them by `previous_response_id`. It goes with the connection, and the oldest goes first where many
// connections remember much: then the client is told `previous_response_not_found`, and sends everything again.
import { LRUCache } from 'lru-cache';
import type { JsonObject } from '../../protocols/codec.ts';
import { parseCarried } from '../../protocols/wire/exact-json.ts';
import { memberBytes } from '../../protocols/wire/json-object.ts';
import { isRepeatable, itemsOf } from '../../responses/items.ts';

/** Of one API process. */
const MAX_BYTES = 256 * 1024 * 1024;
const MAX_TURNS = 20_000;
/** Of one connection: conversations fork, and a turn that failed is tried again from the one before it. */
const TURNS_PER_CONNECTION = 32;

/** JSON texts. */
interface RememberedTurn {
  input: Buffer;
  output: Buffer;
}

export interface TurnMemory {
  open(): ConnectionMemory;
}

export interface ConnectionMemory {
  /** @param body of the turn, with everything before it. */
  keep(responseId: string, body: Buffer, output: Buffer): void;
  /** Items of the turn and of all before it; null for one that it does not know. */
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
          // A copy: a slice would keep the whole message in memory.
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
