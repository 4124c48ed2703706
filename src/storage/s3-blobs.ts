// Blobs as objects in S3-compatible storage, using the AWS SDK. Objects cannot be appended to, so an appender writes one object
// per append, and readers join them (blobs.ts).
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { BlobAppender, BlobPiece, BlobStore, ListedBlob, WrittenBlob } from './blobs.ts';
import { BlobTooLarge } from './blobs.ts';

export interface S3Settings {
  bucket: string;
  prefix: string;
  region: string;
  /** Absent: AWS itself. */
  endpoint?: string | undefined;
  force_path_style: boolean;
  /** Absent: the SDK finds them (environment, profile, role of the machine). */
  access_key_id?: string | undefined;
  secret_access_key?: string | undefined;
}

/** S3 requires at least 5 MiB, except for the last part, and allows 10,000 parts: 80 GB. */
const PART_BYTES = 8 * 1024 * 1024;
/** Every append is an object and a billed request. */
const APPEND_POLICY = { bytes: PART_BYTES, intervalMs: 10_000 };

interface Place {
  client: S3Client;
  bucket: string;
  prefix: string;
}

export function createS3BlobStore(settings: S3Settings): BlobStore {
  const client = createClient(settings);
  const place: Place = { client, bucket: settings.bucket, prefix: settings.prefix };
  const objectOf = (key: string) => ({ Bucket: settings.bucket, Key: settings.prefix + key });

  async function get(key: string, offset: number, end: number): Promise<Readable> {
    const answer = await client.send(new GetObjectCommand({ ...objectOf(key), Range: `bytes=${offset}-${end - 1}` }));
    return answer.Body as Readable;
  }

  return {
    id: `s3:${settings.endpoint ?? settings.region}/${settings.bucket}/${settings.prefix}`,
    appendPolicy: APPEND_POLICY,
    write: (key, source, maxBytes) => writeWhole(place, key, source, maxBytes),
    openAppender: (key) => new S3Appender(place, key),
    async read(key, offset, length) {
      if (length === 0) return Buffer.alloc(0);
      try {
        return await collect(await get(key, offset, offset + length));
      } catch (error) {
        // The offset is at or past the end.
        if ((error as Error).name === 'InvalidRange') return Buffer.alloc(0);
        throw error;
      }
    },
    stream: get,
    list: () => listObjects(place),
    async delete(keys) {
      for (const key of keys) await client.send(new DeleteObjectCommand(objectOf(key)));
    },
    close: () => client.destroy(),
  };
}

function createClient(settings: S3Settings): S3Client {
  const { region, endpoint, force_path_style: forcePathStyle, access_key_id: id, secret_access_key: secret } = settings;
  return new S3Client({
    region,
    forcePathStyle,
    // Storage of other providers rejects the checksums that the SDK sends by default since 2025.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(id === undefined || secret === undefined ? {} : { credentials: { accessKeyId: id, secretAccessKey: secret } }),
  });
}

/** Uploads in parts are listed once they are complete. */
async function* listObjects({ client, bucket, prefix }: Place): AsyncGenerator<ListedBlob> {
  let ContinuationToken: string | undefined;
  do {
    const request = { Bucket: bucket, Prefix: prefix, ContinuationToken };
    const page = await client.send(new ListObjectsV2Command(request));
    for (const { Key, LastModified } of page.Contents ?? []) {
      yield { key: Key!.slice(prefix.length), changedAtMs: LastModified!.getTime() };
    }
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
}

async function collect(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A small blob is one request; a larger one is an upload in parts, which is aborted on any error. */
async function writeWhole(
  place: Place,
  key: string,
  source: AsyncIterable<Buffer>,
  maxBytes: number,
): Promise<WrittenBlob> {
  const upload = new PartedUpload(place, place.prefix + key);
  const hash = createHash('sha256');
  let bytes = 0;
  let gathered: Buffer[] = [];
  let gatheredBytes = 0;
  try {
    for await (const chunk of source) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new BlobTooLarge(maxBytes);
      hash.update(chunk);
      gathered.push(chunk);
      gatheredBytes += chunk.length;
      if (gatheredBytes < PART_BYTES) continue;
      await upload.part(Buffer.concat(gathered));
      gathered = [];
      gatheredBytes = 0;
    }
    await upload.end(Buffer.concat(gathered));
  } catch (error) {
    await upload.abort();
    throw error;
  }
  return { bytes, sha256: hash.digest('hex') };
}

class PartedUpload {
  readonly #client: S3Client;
  readonly #object: { Bucket: string; Key: string };
  #uploadId: string | undefined;
  readonly #parts: { PartNumber: number; ETag: string | undefined }[] = [];

  constructor({ client, bucket }: Place, key: string) {
    this.#client = client;
    this.#object = { Bucket: bucket, Key: key };
  }

  async part(body: Buffer): Promise<void> {
    this.#uploadId ??= (await this.#client.send(new CreateMultipartUploadCommand(this.#object))).UploadId;
    const PartNumber = this.#parts.length + 1;
    const { ETag } = await this.#client.send(
      new UploadPartCommand({ ...this.#object, UploadId: this.#uploadId, PartNumber, Body: body }),
    );
    this.#parts.push({ PartNumber, ETag });
  }

  async end(rest: Buffer): Promise<void> {
    if (this.#uploadId === undefined) {
      await this.#client.send(new PutObjectCommand({ ...this.#object, Body: rest }));
      return;
    }
    if (rest.length > 0) await this.part(rest);
    const MultipartUpload = { Parts: this.#parts };
    await this.#client.send(
      new CompleteMultipartUploadCommand({ ...this.#object, UploadId: this.#uploadId, MultipartUpload }),
    );
  }

  /** If that fails, the bucket's lifecycle rule for incomplete uploads removes the parts. */
  async abort(): Promise<void> {
    if (this.#uploadId === undefined) return;
    await this.#client
      .send(new AbortMultipartUploadCommand({ ...this.#object, UploadId: this.#uploadId }))
      .catch(() => undefined);
  }
}

class S3Appender implements BlobAppender {
  readonly #place: Place;
  readonly #key: string;
  readonly #pieces: BlobPiece[] = [];

  constructor(place: Place, key: string) {
    this.#place = place;
    this.#key = key;
  }

  async append(bytes: readonly Buffer[]) {
    const { client, bucket, prefix } = this.#place;
    const key = `${this.#key}.${this.#pieces.length}`;
    const Body = Buffer.concat(bytes);
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: prefix + key, Body }));
    this.#pieces.push({ key, bytes: Body.length });
    return [...this.#pieces];
  }

  async close() {}
}
