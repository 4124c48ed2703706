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
    .describe('Total size of the files of one key; further uploads are refused.'),
  s3: z
    .strictObject({
      bucket: z.string().min(1).describe('Name of the bucket; it must exist.'),
      prefix: z.string().default('sluice/').describe('Prefix of every object’s name.'),
      region: z.string().min(1).default('us-east-1').describe('The region, as the storage calls it.'),
      endpoint: z
        .url({ protocol: /^https?$/ })
        .optional()
        .describe('Address of an S3-compatible storage; absent: AWS.'),
      force_path_style: z.boolean().default(false).describe('The bucket is part of the path: MinIO and the like.'),
      access_key_id: z.string().min(1).optional().describe('Absent: the AWS SDK finds its credentials itself.'),
      secret_access_key: z.string().min(1).optional().describe('The secret that belongs to access_key_id.'),
    })
    .optional()
    .describe('Object storage in place of the local disk: needed where API and batches run on several machines.'),
});

const native = z
  .strictObject({
    lines: positive.default(50_000).describe('Lines of one batch that its providers may have at once.'),
    chunk_lines: positive.default(10_000).describe('Lines handed over together, if the provider takes that many.'),
    chunk_bytes: positive.default(32 * MIB).describe('The same by size in bytes; a chunk passes through memory.'),
    poll_ms: positive
      .default(5_000)
      .describe(
        'Time until a provider is first asked for the status of its batch; after that it is asked less and less often.',
      ),
    max_poll_ms: positive.default(60_000).describe('Longest time between two status requests to a provider.'),
    cancel_ms: positive
      .default(120_000)
      .describe(
        'How long to wait for a provider that was told to cancel. Lines that it still has after that run again.',
      ),
    lines_per_second: z
      .number()
      .positive()
      .default(10)
      .describe(
        'Lines a second that ordinary calls are assumed to finish, when a batch nears its deadline, until that has been measured.',
      ),
  })
  .describe('Batches in the providers’ own batch APIs, for deployments with batch: native.');

export const batches = z.strictObject({
  max_lines: positive.max(MAX_BATCH_LINES).default(50_000).describe('Lines of one batch.'),
  max_bytes: positive.default(200 * MIB).describe('Largest input file of a batch.'),
  max_inline_bytes: positive
    .default(64 * MIB)
    .describe('Largest batch that comes in the request itself (Anthropic); it passes through memory.'),
  open_lines: positive
    .default(2_000)
    .describe(
      'Lines of all batches together that are in Redis at once: enough for some seconds of the providers’ full rate.',
    ),
  open_bytes: positive.default(64 * MIB).describe('The same by size in bytes, per process.'),
  line_tries: positive
    .max(100)
    .default(5)
    .describe('How often a line is tried when its call fails at the provider; waits for a limit are not counted.'),
  native: native.prefault({}),
  output_days: positive.max(3_650).default(30).describe('How long input and output files of batches are kept.'),
});
