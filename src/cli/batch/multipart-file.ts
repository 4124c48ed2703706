// A file as the body of `POST /v1/files`: read piece by piece, its length known beforehand, never whole in memory.
// Form fields as in RFC 7578; the names are OpenAI's (`purpose`, then `file` with a file name).
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';

export interface MultipartFile {
  headers: Record<string, string>;
  /** A new one for each try. `onBytes` hears how many bytes of the file were handed to the socket so far. */
  open(onBytes: (sent: number) => void): AsyncGenerator<Buffer>;
  /** Of the file alone. */
  fileBytes: number;
}

/** Fewer, larger pieces cost less; the socket's backpressure holds at most two of them. */
const PIECE_BYTES = 256 * 1024;

/** @param fileName as the server shall know it; OpenAI takes only names that end in `.jsonl` for batches. */
export async function createMultipartFile(path: string, fileName: string): Promise<MultipartFile> {
  const { size } = await stat(path);
  const boundary = `sluice-${randomBytes(16).toString('hex')}`;
  const head = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n` +
      `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${quote(basename(fileName))}"\r\n` +
      'Content-Type: application/jsonl\r\n\r\n',
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    fileBytes: size,
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': String(head.length + size + tail.length),
    },
    async *open(onBytes) {
      yield head;
      let sent = 0;
      // What is appended meanwhile is not part of it: the length has been announced.
      const end = { end: Math.max(0, size - 1) };
      if (size > 0) {
        for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES, ...end })) {
          yield piece as Buffer;
          sent += (piece as Buffer).length;
          onBytes(sent);
        }
      }
      yield tail;
    },
  };
}

/** As browsers do it (WHATWG HTML, multipart/form-data encoding). */
function quote(name: string): string {
  return name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}
