// Streams a multipart upload into the blob store without buffering it. An upload that fails midway (the client disconnects, the
// file is too large) leaves nothing behind.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import busboy, { type BusboyHeaders } from '@fastify/busboy';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { faultOfName } from '../../protocols/bounds/request-names.ts';
import { BlobTooLarge, type WrittenBlob } from '../../storage/blobs.ts';

export interface Upload {
  fields: ReadonlyMap<string, string>;
  /** Null if there was no part `file`. */
  file: (WrittenBlob & { filename: string }) | null;
}

export interface UploadLimits {
  maxBytes: number;
  /** Interval in which the upload must make progress. */
  paceMs: number;
}

type WriteFile = (source: AsyncIterable<Buffer>) => Promise<WrittenBlob>;

const FILE_PART = 'file';
const MAX_FIELD_BYTES = 64 * 1024;
const MAX_FIELDS = 32;
/** Allowance for part headers and fields, in addition to the file. */
const ENVELOPE_BYTES = 1024 * 1024;

/**
 * Throws a FailureError that describes the fault.
 * @param body the decoded content of `raw`
 * @param write must leave nothing behind if its source fails
 */
export async function receiveUpload(
  raw: IncomingMessage,
  body: Readable,
  { maxBytes, paceMs }: UploadLimits,
  write: WriteFile,
): Promise<Upload> {
  if (Number(raw.headers['content-length'] ?? 0) > maxBytes + ENVELOPE_BYTES) throw tooLarge();
  try {
    return await parse(raw, body, createParser(raw.headers), write, paceMs);
  } catch (error) {
    if (error instanceof BlobTooLarge) throw tooLarge();
    throw error;
  }
}

type Parser = InstanceType<typeof busboy.Busboy>;

function createParser(headers: IncomingHttpHeaders): Parser {
  try {
    return new busboy.Busboy({
      headers: headers as BusboyHeaders,
      limits: { fieldSize: MAX_FIELD_BYTES, fields: MAX_FIELDS, files: 2 },
    });
  } catch (error) {
    throw malformed((error as Error).message);
  }
}

function parse(
  raw: IncomingMessage,
  body: Readable,
  parser: Parser,
  write: WriteFile,
  paceMs: number,
): Promise<Upload> {
  const fields = new Map<string, string>();
  let file: Promise<Upload['file']> = Promise.resolve(null);
  let hasFile = false;
  return new Promise((resolve, reject) => {
    let abortFile: (error: Error) => void = () => undefined;
    let hasFailed = false;
    const fail = (error: Error) => {
      if (hasFailed) return;
      hasFailed = true;
      body.unpipe(parser);
      clearInterval(pace);
      abortFile(error);
      // Reject only after the file is removed. The rest of the body is not read: the connection is closed (guard/receive.ts).
      void file.catch(() => undefined).then(() => reject(error));
    };
    parser.on('field', (name, value) => fields.set(name, value));
    parser.on('file', (name, stream, filename) => {
      // A truncated part emits an error on its own stream even if it is not read: without a listener that would be an uncaught
      // error and end this process. The parser reports the fault as well.
      stream.on('error', (error) => fail(malformed(error.message)));
      if (name !== FILE_PART) return stream.resume();
      if (hasFailed) return stream.resume();
      if (hasFile) {
        stream.resume();
        return fail(malformed("it has more than one part named 'file'"));
      }
      hasFile = true;
      const fault = faultOfName(filename ?? '', MAX_FILENAME_CHARS);
      if (fault !== null) return fail(invalidName(fault));
      abortFile = (error) => stream.destroy(error);
      file = write(stream as AsyncIterable<Buffer>).then((blob) => ({ ...blob, filename: filename ?? '' }));
      file.catch(fail);
    });
    parser.once(
      'finish',
      () =>
        void file.then(
          (written) => resolve({ fields, file: written }),
          () => undefined,
        ),
    );
    parser.on('error', (error: unknown) => fail(malformed((error as Error).message)));
    const onBroken = (error: Error) =>
      fail(error instanceof FailureError ? error : malformed('the connection was closed'));
    raw.on('error', onBroken);
    body.on('error', onBroken);
    const pace = watchPace(raw, paceMs, () => fail(new FailureError(TOO_SLOW)));
    raw.once('end', () => clearInterval(pace));
    raw.once('close', () => {
      clearInterval(pace);
      if (!raw.complete) fail(malformed('it is incomplete'));
    });
    body.pipe(parser);
  });
}

/** An upload may take any time as long as it makes progress: at least this much. */
const LEAST_BYTES_PER_SECOND = 1_024;
const TOO_SLOW = createFailure('body_too_slow', 'The upload was too slow and was cut off.');

function watchPace(raw: IncomingMessage, paceMs: number, onSlow: () => void): NodeJS.Timeout {
  let before = raw.socket.bytesRead;
  return setInterval(() => {
    const bytes = raw.socket.bytesRead;
    // A paused upload waits for a slow disk or storage, not for the client.
    if (bytes - before < (LEAST_BYTES_PER_SECOND * paceMs) / 1_000 && !raw.isPaused()) onSlow();
    before = bytes;
  }, paceMs).unref();
}
const MAX_FILENAME_CHARS = 255;

function invalidName(fault: string): FailureError {
  return new FailureError(createFailure('request_invalid', `The file name must ${fault}.`, { param: 'file' }));
}

function tooLarge(): FailureError {
  return new FailureError(createFailure('request_malformed', 'File is too large.'));
}

function malformed(what: string): FailureError {
  return new FailureError(
    createFailure('request_malformed', `The upload could not be read: ${what.replace(/\.$/, '')}.`),
  );
}
