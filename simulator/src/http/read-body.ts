// Collects a request body up to a bound.
import type { IncomingMessage } from 'node:http';

/** As much as providers take (Anthropic 32 MB, OpenAI 50 MB of files inline), and some to spare. */
export const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** Calls one of the two, once; neither when the client goes away in the middle. */
export function readBody(request: IncomingMessage, onBody: (text: string) => void, onTooLarge: () => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
    else chunks.length = 0;
  });
  request.on('end', () => {
    if (bytes > MAX_BODY_BYTES) onTooLarge();
    else onBody(chunks.length === 1 ? chunks[0]!.toString() : Buffer.concat(chunks).toString());
  });
  // Without a listener a client that breaks off its upload would be an uncaught error.
  request.on('error', () => {});
}
