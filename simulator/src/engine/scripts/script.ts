// A script: the model's turns in an agent's whole session. An agent under a script runs only what the script's author wrote,
// and nothing that the simulator invented. Written in YAML, JSON, or as objects.
import { parseDocument } from 'yaml';
import { z } from 'zod';

const MAX_TURNS = 1_000;
const MAX_CALLS = 100;
export const MAX_SCRIPTS = 1_000;

const call = z
  .strictObject({
    tool: z.string().min(1).describe('Name of the tool as declared in the request; group.name for a tool in a group.'),
    arguments: z.record(z.string(), z.unknown()).optional(),
    input: z.string().optional().describe('For a tool that takes text or has a single argument.'),
  })
  .refine((given) => given.arguments === undefined || given.input === undefined, {
    error: 'a call has "arguments" or "input", not both',
  });

const turn = z
  .strictObject({
    thoughts: z.string().min(1).optional(),
    text: z.string().min(1).optional(),
    calls: z.array(call).min(1).max(MAX_CALLS).optional(),
  })
  .refine(({ text, calls }) => text !== undefined || calls !== undefined, {
    error: 'a turn has "text", "calls", or both',
  });

export const scriptSchema = z
  .strictObject({
    name: z.string().regex(/^[\w.-]{1,64}$/, { error: 'letters, digits, ".", "_" and "-", at most 64' }),
    model: z.string().min(1).optional().describe('Model that the script applies to. Absent: every model.'),
    contains: z.string().min(1).optional().describe('Text that the conversation must contain.'),
    turns: z.array(turn).min(1).max(MAX_TURNS),
  })
  .superRefine(({ turns }, context) => {
    // Turns are identified by the number of results before them, so no turn can follow one without calls.
    const early = turns.slice(0, -1).findIndex(({ calls }) => calls === undefined);
    if (early < 0) return;
    const message = 'calls no tool, which ends the session; only the last turn may do that';
    context.addIssue({ code: 'custom', message, path: ['turns', early] });
  });

export const scriptsSchema = z
  .array(scriptSchema)
  .max(MAX_SCRIPTS)
  .superRefine((scripts, context) => {
    for (const [index, { name }] of scripts.entries()) {
      if (scripts.findIndex((other) => other.name === name) === index) continue;
      context.addIssue({ code: 'custom', message: `there are two scripts "${name}"`, path: [index, 'name'] });
    }
  });

export type Script = z.output<typeof scriptSchema>;
export type ScriptTurn = z.output<typeof turn>;
export type ScriptCall = z.output<typeof call>;

/**
 * The scripts of a file: one, or a list. One without a name gets the file's name. Throws an Error whose message names the file
 * and what is wrong in it.
 */
export function readScripts(text: string, file: string): Script[] {
  const document = parseDocument(text);
  const [fault] = document.errors;
  if (fault !== undefined) throw new Error(`${file}: ${fault.message}`);
  const value: unknown = document.toJS();
  const list = Array.isArray(value) ? value : [value];
  const parsed = scriptsSchema.safeParse(list.map((script) => named(script, file)));
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `  ${placeOf(path, Array.isArray(value))}${message}`);
  throw new Error(`${file} is not a valid script:\n${faults.join('\n')}`);
}

function named(script: unknown, file: string): unknown {
  if (typeof script !== 'object' || script === null || 'name' in script) return script;
  const base = file.slice(file.lastIndexOf('/') + 1).replace(/\.[^.]*$/, '');
  return { name: base, ...script };
}

/** For a single script, the position in the list is left out. */
function placeOf(path: readonly PropertyKey[], isList: boolean): string {
  const place = (isList ? path : path.slice(1)).join('.');
  return place === '' ? '' : `${place}: `;
}
