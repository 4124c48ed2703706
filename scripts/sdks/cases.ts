// The cases that every SDK runs, and their expected results.
import type { Script } from '../../simulator/src/engine/scripts/script.ts';

/** The result of one case with an SDK. */
export interface Result {
  text?: string;
  value?: unknown;
  calls: { tool: string; input: unknown }[];
  /** Name and status of the error. */
  raised?: string;
  message?: string;
  ms: number;
}

export interface Case {
  name: string;
  kind: 'say' | 'stream' | 'tools' | 'structured';
  /** `TAG` is replaced by a unique number, which identifies the run's requests at the simulator. */
  prompt: string;
  /** Whether the SDK behaved as its users expect. */
  isWell(result: Result): boolean;
}

const WORDS = 'Grüße, 🙂 “so” \\ far.';
const echo = `Reply with exactly: ${WORDS}`;

export const SCHEMA = {
  type: 'object',
  properties: { name: { type: 'string' }, count: { type: 'integer' } },
  required: ['name', 'count'],
  additionalProperties: false,
};

const pathTool = (name: string, ...members: string[]) => ({
  name,
  description: `Does ${name}.`,
  parameters: {
    type: 'object',
    properties: Object.fromEntries(members.map((member) => [member, { type: 'string' }])),
    required: members,
    additionalProperties: false,
  },
});
export const TOOLS = [pathTool('read_file', 'path'), pathTool('write_file', 'path', 'text')];

const CALLS = [
  { tool: 'read_file', input: { path: 'a b/ü.txt' } },
  { tool: 'write_file', input: { path: 'a', text: '{"x": "y\n"}' } },
  { tool: 'read_file', input: { path: 'a' } },
];
const calls = (...given: typeof CALLS) => given.map(({ tool, input }) => ({ tool, arguments: input }));

/** Three turns: one tool call, two parallel calls, text. */
export const SCRIPT: Script = {
  name: 'tools',
  contains: 'Use the tools',
  turns: [{ text: 'First.', calls: calls(CALLS[0]!) }, { calls: calls(CALLS[1]!, CALLS[2]!) }, { text: WORDS }],
};

const said = ({ text, raised }: Result) => raised === undefined && text === WORDS;
const raises = (status: string) => (result: Result) => result.raised?.endsWith(status) === true;

export const CASES: readonly Case[] = [
  { name: 'plain', kind: 'say', prompt: echo, isWell: said },
  { name: 'stream', kind: 'stream', prompt: echo, isWell: said },
  {
    name: 'tools',
    kind: 'tools',
    prompt: 'Use the tools.',
    isWell: (result) => said(result) && JSON.stringify(result.calls) === JSON.stringify(CALLS),
  },
  {
    name: 'structured',
    kind: 'structured',
    prompt: 'Give an answer.',
    isWell: ({ value }) => Number.isInteger((value as { count?: unknown } | undefined)?.count),
  },
  { name: 'idle', kind: 'stream', prompt: `${echo} [[sim first=3000]]`, isWell: said },
  { name: 'error 400', kind: 'say', prompt: 'Hello. [[sim fault=400 tokens=TAG]]', isWell: raises('400') },
  {
    name: 'error 500',
    kind: 'say',
    prompt: 'Hello. [[sim fault=500 tokens=TAG]]',
    isWell: ({ raised }) => raised !== undefined,
  },
  {
    name: 'error 429',
    kind: 'say',
    prompt: 'Hello. [[sim fault=429:1000:seconds tokens=TAG]]',
    isWell: ({ raised }) => raised !== undefined,
  },
  {
    name: 'error in stream',
    kind: 'stream',
    prompt: 'Hello. [[sim fault=error_event@40 tokens=TAG]]',
    isWell: ({ raised, text }) => raised !== undefined && text !== '',
  },
  {
    name: 'cut stream',
    kind: 'stream',
    prompt: 'Hello. [[sim fault=cut@40 tokens=TAG]]',
    isWell: ({ raised, text }) => raised !== undefined && text !== '',
  },
];
