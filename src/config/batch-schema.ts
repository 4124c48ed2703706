// Settings of files and batches, a part of schema.ts.
import { z } from 'zod';
import { MAX_BATCH_LINES } from '../contracts/batch.ts';
import { milliseconds, positive } from './value-schema.ts';

const MIB = 1024 * 1024;

export const files = z.strictObject({
  directory: z.string().min(1).optional().describe('Directory for files. Default: files in the data directory.'),
  max_bytes: positive
    .default(512 * MIB)
    .describe('Largest upload. For batch input, batches.max_bytes applies instead.'),
  bytes_per_key: z
    .number()
    .int()
    .positive()
    .default(100 * 1024 ** 3)
    .describe('Total size of the files of one key; further uploads are refused.'),
  s3: z
    .strictObject({
      bucket: z.string().min(1).describe('Name of the bucket; it must exist.'),
      prefix: z.string().default('sluice/').describe('Prefix of every object’s name.'),
      region: z.string().min(1).default('us-east-1').describe('Region of the bucket.'),
      endpoint: z
        .url({ protocol: /^https?$/ })
        .optional()
        .describe('URL of an S3-compatible service. Absent: AWS.'),
      force_path_style: z
        .boolean()
        .default(false)
        .describe('Put the bucket name in the path instead of the host name, as MinIO needs it.'),
      access_key_id: z
        .string()
        .min(1)
        .optional()
        .describe('Absent: the AWS SDK looks for credentials in its usual places.'),
      secret_access_key: z.string().min(1).optional().describe('The secret that belongs to access_key_id.'),
    })
    .optional()
    .describe('Object storage in place of the local disk. Needed when API and batches run on several machines.'),
});

const native = z
  .strictObject({
    lines: positive.default(50_000).describe('Lines of one batch that may be at its providers at the same time.'),
    chunk_lines: positive
      .default(10_000)
      .describe('Lines per provider batch, unless the provider’s own limit is lower.'),
    chunk_bytes: positive
      .default(32 * MIB)
      .describe('Size of a provider batch in bytes. Each one is held in memory while it is sent.'),
    poll_ms: milliseconds
      .default(5_000)
      .describe('Time until the first status request to a provider; the interval then grows.'),
    max_poll_ms: milliseconds.default(60_000).describe('Longest interval between two status requests.'),
    cancel_ms: milliseconds
      .default(120_000)
      .describe('How long to wait for a provider to cancel. After that, lines that it still has run again.'),
    lines_per_second: z
      .number()
      .positive()
      .default(10)
      .describe(
        'Assumed rate of ordinary calls (lines per second) near a batch’s deadline, until the real rate has been measured.',
      ),
  })
  .describe('Use of the providers’ own batch APIs, for deployments with batch: native.');

export const batches = z.strictObject({
  max_lines: positive.max(MAX_BATCH_LINES).default(50_000).describe('Most lines in one batch.'),
  max_bytes: positive.default(200 * MIB).describe('Largest input file of a batch.'),
  max_inline_bytes: positive
    .default(64 * MIB)
    .describe('Largest batch sent in the request body itself (Anthropic). It is held in memory.'),
  open_lines: positive
    .default(2_000)
    .describe(
      'Lines of all batches that are in Redis at the same time. A few seconds of the providers’ full rate are enough.',
    ),
  open_bytes: positive.default(64 * MIB).describe('Size of these lines in bytes, per process.'),
  line_tries: positive
    .max(100)
    .default(5)
    .describe('Attempts per line when calls fail at the provider. Waits for a limit do not count.'),
  native: native.prefault({}),
  output_days: positive.max(3_650).default(30).describe('How long the input and output files of batches are kept.'),
});
