// Writes correct bytes in a distorted form: other line ends, and pieces that end anywhere, even within a character. Each piece is
// a separate HTTP chunk, so that it is read separately even if TCP joins several.

import type { FaultPlan } from '../faults/fault-plan.ts';
import type { Exchange } from './exchange.ts';

/** Writes an answer, or a part of it, with the plan's distortions. Returns the result of `Exchange.write`. */
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
