// Faults as people write them: `cut@40` (after token 40), `slow:3000` (an amount), `rate_limited:2000:seconds` (an amount
// and how to announce it), `503` (by status).

import { RETRY_HINTS, type RetryHint } from '../refusal.ts';
import { FAULT_NAMES, type Fault, type FaultName, rowOf } from './fault-table.ts';
import { readNumber, readWhole } from './settings-text.ts';

const BY_STATUS: Readonly<Record<string, FaultName>> = {
  400: 'bad_request',
  401: 'unauthorized',
  404: 'model_missing',
  429: 'rate_limited',
  500: 'server_error',
  503: 'unavailable',
  529: 'overloaded',
};

const FAULT_TEXT = /^([a-z_]+|\d{3})(?:@(\d+))?((?::[a-z0-9.]+)*)$/;

/** Throws a RangeError whose message is for the user. */
export function readFault(text: string): Fault {
  const match = FAULT_TEXT.exec(text);
  if (match === null) throw new RangeError(`"${text}" is not a fault; write it as name, name@token or name:amount`);
  const [, word, position, values] = match;
  const fault = nameFault(word!);
  if (position !== undefined) fault.afterTokens = readWhole('the token', position);
  for (const value of values!.split(':').slice(1)) readValue(fault, value);
  return checkFault(fault);
}

function nameFault(word: string): Fault {
  if (FAULT_NAMES.includes(word as FaultName)) return { name: word as FaultName };
  const byStatus = BY_STATUS[word];
  if (byStatus !== undefined) return { name: byStatus };
  if (/^\d/.test(word)) return { name: 'status', amount: Number(word) };
  throw new RangeError(`there is no fault "${word}"; there are ${FAULT_NAMES.join(', ')}`);
}

function readValue(fault: Fault, value: string): void {
  if (RETRY_HINTS.includes(value as RetryHint)) fault.hint = value as RetryHint;
  else fault.amount = readNumber(fault.name, value);
}

/** A fault with only the numbers that it takes, in their bounds. Throws a RangeError whose message is for the user. */
export function checkFault(fault: Fault): Fault {
  const { afterTokens, amount, takesHint } = rowOf(fault.name);
  if (fault.afterTokens !== undefined && afterTokens === undefined) {
    throw new RangeError(`"${fault.name}" has no place in the answer: leave out "@${fault.afterTokens}"`);
  }
  if (fault.hint !== undefined && takesHint === undefined) {
    throw new RangeError(`"${fault.name}" announces no wait: leave out "${fault.hint}"`);
  }
  if (fault.amount === undefined) return fault;
  if (amount === undefined) throw new RangeError(`"${fault.name}" takes no amount: leave out ":${fault.amount}"`);
  if (fault.amount < amount.least || fault.amount > amount.most || !Number.isInteger(fault.amount)) {
    throw new RangeError(`"${fault.name}" takes ${amount.unit} from ${amount.least} to ${amount.most}`);
  }
  return fault;
}
