// What happens now, as server-sent events: the last hour at first (`history`), then every two seconds what has come since
// (`now`). Costs nothing while nobody is connected. Registered within /admin, behind its key.
import type { FastifyInstance } from 'fastify';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { rethrow } from '../admit/dispatch.ts';
import type { ApiContext } from '../context.ts';
import type { LiveEvent } from '../live/live-figures.ts';
import { answerHeadersOf } from '../request-target.ts';

/** A page that does not read is let go: it comes back and has the hour again. */
const MAX_UNREAD_BYTES = 1024 * 1024;

export function registerAdminLive(admin: FastifyInstance, context: ApiContext): void {
  admin.get('/live', async (_request, reply) => {
    const { raw } = reply;
    const write = ({ kind, ...data }: LiveEvent) => {
      if (raw.writableLength > MAX_UNREAD_BYTES) raw.destroy();
      else raw.write(`event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`);
    };
    const waiting: LiveEvent[] = [];
    let send = (event: LiveEvent): void => {
      waiting.push(event);
    };
    const leave = await context.live.watch((event) => send(event)).catch(rethrow);
    if (leave === null) {
      const message = 'Too many pages look at this process already. Close some, or ask another one.';
      throw new FailureError(createFailure('shutting_down', message, { retryAfterMs: 5_000 }));
    }
    reply.hijack();
    raw.writeHead(200, {
      ...answerHeadersOf(reply),
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    raw.once('close', leave);
    if (raw.destroyed) leave();
    send = write;
    for (const event of waiting) write(event);
    return reply;
  });
}
