// Settings of dead letters, a part of schema.ts.
import { z } from 'zod';

const KEY_BYTES = 32;

const sealingKey = z.string().refine((text) => Buffer.from(text, 'base64').length === KEY_BYTES, {
  message: `must be the base64 of ${KEY_BYTES} random bytes: openssl rand -base64 ${KEY_BYTES}`,
});

export const deadLetters = z
  .strictObject({
    bodies: z
      .enum(['none', 'encrypted', 'plain'])
      .optional()
      .describe('How the bodies of failed requests are kept. Default: encrypted where there is a key, else none.'),
    key: sealingKey
      .optional()
      .describe('Base64 of 32 random bytes (openssl rand -base64 32); the same for every process.'),
    earlier_keys: z.array(sealingKey).default([]).describe('Keys of before: they open what they have sealed.'),
    keep_days: z.number().int().positive().max(3_650).default(30).describe('How long failed requests are kept.'),
  })
  .refine(({ bodies, key }) => bodies !== 'encrypted' || key !== undefined, {
    message: 'missing: bodies that are encrypted need a key',
    path: ['key'],
  })
  .describe('Requests that failed for good, kept for an operator to look at and to replay.');

export type DeadLetterSettings = z.output<typeof deadLetters>;
