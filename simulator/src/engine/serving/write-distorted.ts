// Writes bytes that are right in a form that is not: other line ends, and pieces that end anywhere, also inside a
// character. Each piece is an HTTP chunk of its own, so that it arrives alone also where TCP puts several together.

import type { FaultPlan } from '../faults/fault-plan.ts';
import type { Exchange } from './exchange.ts';

/** Writes an answer, or a part of one, as the plan distorts it; gives what `Exchange.write` gives. */
export function writeDistorted(exchange: Exchange, text: string, plan: FaultPlan): boolean {
  // JSON has no bare line feeds, so in a stream every line feed ends a line.
  const lines = plan.hasCarriageReturns ? text.replaceAll(/\r?\n/g, '\r\n') : text;
  return plan.dribbleBytes === null ? exchange.write(lines) : dribble(exchange, Buffer.from(lines), plan.dribbleBytes);
}

function dribble(exchange: Exchange, bytes: Buffer, size: number): boolean {
  let canGoOn = true;
  for (let at = 0; at < bytes.length; at += size) canGoOn = exchange.write(bytes.subarray(at, at + size));
  return canGoOn;
}
