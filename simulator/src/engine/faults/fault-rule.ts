// Rules for faults: to which calls they apply, and how often. Written as an object, or as one line of text:
// `cut@40 model=gpt-4o contains="hello world" every=10 chance=0.1 first=2 times=2 per=prompt`.
import { z } from 'zod';
import { RETRY_HINTS, type RetryHint } from '../refusal.ts';
import { FAULT_NAMES, type Fault, type FaultName, rowOf } from './fault-table.ts';
import { readNumber, readSettings, readWhole, type Setting } from './settings-text.ts';

const positive = z.number().int().positive();

const fault = z.strictObject({
  name: z.enum(FAULT_NAMES),
  afterTokens: z.number().int().nonnegative().optional(),
  amount: z.number().nonnegative().optional(),
  hint: z.enum(RETRY_HINTS).optional(),
});

/** All given conditions must hold. Counts include the calls that match by model and prompt. */
const match = z.strictObject({
  model: z.string().optional(),
  promptContains: z.string().optional(),
  everyNth: positive.optional(),
  probability: z.number().min(0).max(1).optional(),
  first: positive.optional().describe('Applies only to the first calls, up to this number.'),
});

export type FaultMatch = z.output<typeof match>;

export interface FaultRule {
  faults: readonly Fault[];
  match: FaultMatch;
  /** Applies at most this many times. */
  times?: number | undefined;
  /** `prompt` counts each prompt text on its own, so that tests do not disturb each other. */
  per: 'rule' | 'prompt';
}

/**
 * Text in that syntax, or the object that it describes. Not a union, whose error would be "invalid input" instead of
 * the text's own error.
 */
function textOr<Given, Read>(object: z.ZodType<Read, Given>, readText: (text: string) => Read) {
  return z.custom<string | Given>().transform((given, context): Read => {
    if (typeof given === 'string') return reportingFaults(context, () => readText(given));
    const parsed = object.safeParse(given);
    if (parsed.success) return parsed.data;
    for (const { message, path } of parsed.error.issues) context.addIssue({ code: 'custom', message, path });
    return z.NEVER;
  });
}

const faults = textOr(
  fault.transform((given, context): Fault[] => reportingFaults(context, () => [checkFault(given)])),
  readFaults,
);

const ruleObject = z
  .strictObject({
    fault: faults.describe('A string or an object.'),
    match: match.default({}),
    times: positive.optional(),
    per: z.enum(['rule', 'prompt']).default('rule'),
  })
  .transform(({ fault: given, ...rest }): FaultRule => ({ ...rest, faults: given }));

export const faultRuleSchema = textOr(ruleObject, readRule);
export type FaultRuleInput = z.input<typeof faultRuleSchema>;

function reportingFaults<Read>(context: z.RefinementCtx, read: () => Read): Read {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
    return z.NEVER;
  }
}

/** `crlf,dribble:3,cut@40`. Throws a RangeError whose message is for the user. */
export function readFaults(text: string): Fault[] {
  return text.split(',').map((item) => readFault(item.trim()));
}

/** A rule as one line of text. Throws a RangeError whose message is for the user. */
export function readRule(text: string): FaultRule {
  const [first, ...settings] = readSettings(text);
  if (first === undefined || first.key !== null)
    throw new RangeError('a rule must begin with its fault, such as "cut@40 first=2"');
  const rule: FaultRule = { faults: readFaults(first.value), match: {}, per: 'rule' };
  for (const setting of settings) applySetting(rule, setting);
  return rule;
}

function applySetting(rule: FaultRule, { key, value }: Setting): void {
  switch (key) {
    case 'model':
      rule.match.model = value;
      return;
    case 'contains':
      rule.match.promptContains = value;
      return;
    case 'every':
      rule.match.everyNth = readCount(key, value);
      return;
    case 'chance':
      rule.match.probability = readProbability(value);
      return;
    case 'first':
      rule.match.first = readCount(key, value);
      return;
    case 'times':
      rule.times = readCount(key, value);
      return;
    case 'per':
      rule.per = readPer(value);
      return;
    default:
      throw new RangeError(`unknown "${key ?? value}"; known: model, contains, every, chance, first, times, per`);
  }
}

function readCount(name: string, text: string): number {
  const count = readWhole(name, text);
  if (count === 0) throw new RangeError(`"${name}" must be at least 1`);
  return count;
}

function readProbability(text: string): number {
  const probability = readNumber('chance', text);
  if (probability > 1) throw new RangeError('"chance" must be a number from 0 to 1');
  return probability;
}

function readPer(text: string): FaultRule['per'] {
  if (text !== 'rule' && text !== 'prompt') throw new RangeError('"per" must be rule or prompt');
  return text;
}

// Faults as people write them: `cut@40` (after token 40), `slow:3000` (an amount), `rate_limited:2000:seconds` (an amount
// and how to announce it), `503` (by status).

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
  throw new RangeError(`there is no fault "${word}"; known: ${FAULT_NAMES.join(', ')}`);
}

function readValue(fault: Fault, value: string): void {
  if (RETRY_HINTS.includes(value as RetryHint)) fault.hint = value as RetryHint;
  else fault.amount = readNumber(fault.name, value);
}

/**
 * Checks that a fault has only the numbers that it accepts, within their bounds. Throws a RangeError whose message is for the
 * user.
 */
export function checkFault(fault: Fault): Fault {
  const { afterTokens, amount, takesHint } = rowOf(fault.name);
  if (fault.afterTokens !== undefined && afterTokens === undefined) {
    throw new RangeError(`"${fault.name}" takes no position in the answer: leave out "@${fault.afterTokens}"`);
  }
  if (fault.hint !== undefined && takesHint === undefined) {
    throw new RangeError(`"${fault.name}" takes no wait: leave out "${fault.hint}"`);
  }
  if (fault.amount === undefined) return fault;
  if (amount === undefined) throw new RangeError(`"${fault.name}" takes no amount: leave out ":${fault.amount}"`);
  if (fault.amount < amount.least || fault.amount > amount.most || !Number.isInteger(fault.amount)) {
    throw new RangeError(`"${fault.name}" takes ${amount.unit} from ${amount.least} to ${amount.most}`);
  }
  return fault;
}
