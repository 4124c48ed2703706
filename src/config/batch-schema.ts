// Settings of files and batches, a part of schema.ts.
import { z } from 'zod';
import { MAX_BATCH_LINES } from '../contracts/batch.ts';

const positive = z.number().int().positive();
const MIB = 1024 * 1024;

export const files = z.strictObject({
  directory: z.string().min(1).optional().describe('Where files are kept. Default: files in the data directory.'),
  max_bytes: positive
    .default(512 * MIB)
    .describe('Largest file that can be uploaded; batch input has batches.max_bytes.'),
  bytes_per_key: z
    .number()
    .int()
    .positive()
    .default(100 * 1024 ** 3)
    .describe('What the files of one key may take together; more uploads are refused.'),
  s3: z
    .strictObject({
      bucket: z.string().min(1).describe('Must exist.'),
      prefix: z.string().default('sluice/').describe('First part of every object’s name.'),
      region: z.string().min(1).default('us-east-1').describe('As the storage calls it.'),
      endpoint: z
        .url({ protocol: /^https?$/ })
        .optional()
        .describe('Address of an S3-compatible storage; absent: AWS.'),
      force_path_style: z.boolean().default(false).describe('The bucket is part of the path: MinIO and the like.'),
      access_key_id: z.string().min(1).optional().describe('Absent: the AWS SDK finds its credentials itself.'),
      secret_access_key: z.string().min(1).optional().describe('Goes with access_key_id.'),
    })
    .optional()
    .describe('Object storage in place of the local disk: needed where API and batches run on several machines.'),
});

const native = z
  .strictObject({
    lines: positive.default(50_000).describe('Lines of one batch that its providers have at once.'),
    chunk_lines: positive.default(10_000).describe('Lines handed over together, where the provider takes so many.'),
    chunk_bytes: positive.default(32 * MIB).describe('The same by their size; a chunk passes through memory.'),
    poll_ms: positive
      .default(5_000)
      .describe('Until a provider is first asked how far it is; then less and less often.'),
    max_poll_ms: positive.default(60_000).describe('Longest time between two questions.'),
    cancel_ms: positive
      .default(120_000)
      .describe('How long a provider is waited for that was told to cancel. Lines that it still has then run again.'),
    lines_per_second: z
      .number()
      .positive()
      .default(10)
      .describe('What ordinary calls are trusted with near a deadline, until some have been measured.'),
  })
  .describe('Providers’ own batches, for deployments with batch: native.');

export const batches = z.strictObject({
  max_lines: positive.max(MAX_BATCH_LINES).default(50_000).describe('Lines of one batch.'),
  max_bytes: positive.default(200 * MIB).describe('Size of one batch’s input file.'),
  max_inline_bytes: positive
    .default(64 * MIB)
    .describe('Size of a batch that comes in the request itself (Anthropic); it passes through memory.'),
  open_lines: positive
    .default(2_000)
    .describe('Lines of all batches together that are in Redis at once: some seconds of the providers’ full rate.'),
  open_bytes: positive.default(64 * MIB).describe('The same by the size of the lines, per process.'),
  line_tries: positive
    .max(100)
    .default(5)
    .describe('How often a line is tried whose call failed at the provider; waits for a limit are not counted.'),
  native: native.prefault({}),
  output_days: positive.max(3_650).default(30).describe('How long input and output files of batches are kept.'),
});
