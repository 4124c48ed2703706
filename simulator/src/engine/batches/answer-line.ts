// One line of a batch, answered as the ordinary call that it stands for: the same dialect, answer, faults and bill. What
// a batch has no connection for (a cut, silence, half a JSON text) is the provider's own error.
import { randomUUID } from 'node:crypto';
import type { Dialect, LineAnswer, LineCall, RequestHead } from '../../dialects/dialect.ts';
import type { Engine } from '../engine.ts';
import { invalid, type Refusal, RefusalError } from '../refusal.ts';
import { Arrival } from '../serving/arrival.ts';
import { serveCall } from '../serving/serve-call.ts';
import { CapturedExchange } from './captured-exchange.ts';

export function answerLine(engine: Engine, { customId, dialect, head, body }: LineCall): LineAnswer {
  const said = say(
    engine,
    dialect,
    { ...head, headers: { ...head.headers, 'x-client-request-id': customId } },
    (arrival) => {
      const route = dialect.route(head);
      if (route?.kind !== 'call')
        throw new RefusalError({ kind: 'route_missing', method: head.method, path: head.path });
      const { call, voice } = route.read(body, arrival.head, engine);
      if (call.isStream) throw invalid('Streaming is not supported in batches.', 'stream');
      serveCall(arrival, call, voice);
    },
  );
  return said ?? say(engine, dialect, head, (arrival) => arrival.refuse({ kind: 'server_error' }))!;
}

function say(
  engine: Engine,
  dialect: Dialect,
  head: RequestHead,
  speak: (arrival: Arrival) => void,
): LineAnswer | null {
  const exchange = new CapturedExchange();
  const unique = randomUUID().replaceAll('-', '');
  const arrival = new Arrival({ engine, dialect, head, exchange, unique, arrivedMs: engine.now(), isBatch: true });
  try {
    speak(arrival);
  } catch (error) {
    arrival.refuse(refusalOf(error));
  }
  const { answer } = exchange;
  return answer !== null && isJson(answer.body) ? { requestId: arrival.providerRequestId, ...answer } : null;
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof RefusalError) return error.refusal;
  process.emitWarning(error instanceof Error ? error : String(error));
  return { kind: 'server_error' };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
