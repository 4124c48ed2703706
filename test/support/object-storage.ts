// What the blob store needs of S3, in memory: puts, ranges, deletes, uploads in parts. Speaks the wire format that the
// SDK checks; knows no signatures.
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ObjectStorage {
  url: string;
  objects: Map<string, Buffer>;
  /** Uploads in parts that were neither completed nor aborted. */
  openUploads(): number;
  close(): Promise<void>;
}

export async function startObjectStorage(): Promise<ObjectStorage> {
  const objects = new Map<string, Buffer>();
  const uploads = new Map<string, Map<number, Buffer>>();
  let nextUpload = 1;

  async function handle(
    request: IncomingMessage,
  ): Promise<{ status: number; headers?: object; body?: string | Buffer }> {
    const { pathname, searchParams } = new URL(request.url!, 'http://storage');
    const uploadId = searchParams.get('uploadId');
    const body = await bodyOf(request);
    if (request.method === 'POST' && searchParams.has('uploads')) {
      const id = `upload-${nextUpload++}`;
      uploads.set(id, new Map());
      return xml(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
    }
    if (request.method === 'PUT' && uploadId !== null) {
      uploads.get(uploadId)!.set(Number(searchParams.get('partNumber')), body);
      return { status: 200, headers: { etag: '"part"' } };
    }
    if (request.method === 'POST' && uploadId !== null) {
      const parts = [...uploads.get(uploadId)!].sort(([a], [b]) => a - b);
      objects.set(pathname, Buffer.concat(parts.map(([, bytes]) => bytes)));
      uploads.delete(uploadId);
      return xml('<CompleteMultipartUploadResult><ETag>"whole"</ETag></CompleteMultipartUploadResult>');
    }
    if (request.method === 'PUT') {
      objects.set(pathname, body);
      return { status: 200, headers: { etag: '"whole"' } };
    }
    if (request.method === 'DELETE') {
      if (uploadId === null) objects.delete(pathname);
      else uploads.delete(uploadId);
      return { status: 204 };
    }
    if (searchParams.has('list-type')) return list(objects, pathname, searchParams);
    return read(objects.get(pathname), request.headers.range);
  }

  const server = createServer((request, response) => {
    void handle(request).then(({ status, headers, body }) => response.writeHead(status, { ...headers }).end(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    openUploads: () => uploads.size,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

const PAGE = 2;

function list(objects: ReadonlyMap<string, Buffer>, bucket: string, query: URLSearchParams) {
  const prefix = `${bucket.replace(/\/$/, '')}/${query.get('prefix') ?? ''}`;
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  const from = Number(query.get('continuation-token') ?? 0);
  const page = keys.slice(from, from + PAGE).map((key) => {
    const name = key.slice(prefix.length - (query.get('prefix') ?? '').length);
    return `<Contents><Key>${name}</Key><LastModified>${new Date().toISOString()}</LastModified></Contents>`;
  });
  const isCut = keys.length > from + PAGE;
  const next = isCut ? `<NextContinuationToken>${from + PAGE}</NextContinuationToken>` : '';
  return xml(`<ListBucketResult><IsTruncated>${isCut}</IsTruncated>${page.join('')}${next}</ListBucketResult>`);
}

function read(object: Buffer | undefined, range: string | undefined) {
  if (object === undefined) return xml('<Error><Code>NoSuchKey</Code></Error>', 404);
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
  if (from === undefined) return { status: 200, body: object };
  if (Number(from) >= object.length) return xml('<Error><Code>InvalidRange</Code></Error>', 416);
  return { status: 206, body: object.subarray(Number(from), Number(to) + 1) };
}

function xml(body: string, status = 200) {
  return { status, headers: { 'content-type': 'application/xml' }, body: `<?xml version="1.0"?>${body}` };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
