// Settings of what agents use in addition to plain requests: parts of schema.ts.
import { z } from 'zod';
import { positive } from './value-schema.ts';

export const websockets = z
  .union([
    z.literal(false),
    z.strictObject({
      connections_per_key: positive.default(64).describe('Open connections per key, in each API process.'),
      turns_per_connection: positive
        .max(256)
        .default(16)
        .describe(
          'Turns of one connection that run or wait at the same time; further turns are refused with an error event.',
        ),
      max_minutes: positive
        .max(1_440)
        .default(60)
        .describe(
          'After this time a connection accepts no new turn (as at OpenAI) and closes when its last turn has ended.',
        ),
    }),
  ])
  .prefault({})
  .describe(
    'WebSockets of the Responses API (GET /v1/responses with an upgrade). false: the upgrade gets 426, and clients use HTTP instead.',
  );

export type WebSocketSettings = Exclude<z.output<typeof websockets>, false>;
