// Reads and validates the configuration file. Reports every fault at once, each with its file and line.
import { existsSync, readFileSync } from 'node:fs';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, stringify, visit } from 'yaml';
import type { z } from 'zod';
import { importLiteLlm, isLiteLlm } from './import/litellm.ts';
import { type Configuration, configurationSchema } from './schema.ts';

export interface ConfigurationFault {
  file: string;
  /** 1-based; null if the fault has no place in the file. */
  line: number | null;
  path: string;
  message: string;
}

export class ConfigurationError extends Error {
  readonly faults: readonly ConfigurationFault[];

  constructor(faults: readonly ConfigurationFault[]) {
    super(faults.map(formatFault).join('\n'));
    this.name = 'ConfigurationError';
    this.faults = faults;
  }
}

export function formatFault({ file, line, path, message }: ConfigurationFault): string {
  return `${file}${line === null ? '' : `:${line}`}: ${path === '' ? '' : `${path}: `}${message}`;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Used from the working directory if no path is given. */
export const DEFAULT_CONFIG_PATH = 'sluice.yaml';

export interface LoadedConfiguration {
  configuration: Configuration;
  /** Settings in another gateway's file that Sluice does not support. */
  notes: readonly string[];
}

/** The file at `path`, or `sluice.yaml`, or an empty configuration when there is none. Throws ConfigurationError. */
export function loadConfiguration(path: string | undefined, variables: Variables): LoadedConfiguration {
  const file = path ?? DEFAULT_CONFIG_PATH;
  if (!existsSync(file)) {
    if (path === undefined) return { configuration: configurationSchema.parse({}), notes: [] };
    throw new ConfigurationError([{ file, line: null, path: '', message: 'no such file' }]);
  }
  const text = readFileSync(file, 'utf8');
  return loadLiteLlm(text, file, variables) ?? { configuration: parseConfiguration(text, file, variables), notes: [] };
}

/** Converts a `config.yaml` of LiteLLM. Null for any other file. */
function loadLiteLlm(text: string, file: string, variables: Variables): LoadedConfiguration | null {
  if (!/^\s*["']?(model_list|litellm_settings)["']?\s*:/m.test(text)) return null;
  const document = parseDocument(text, { prettyErrors: false });
  const parsed: unknown = document.errors.length > 0 ? null : document.toJS();
  if (!isLiteLlm(parsed)) return null;
  const { configuration, notes } = importLiteLlm(parsed, {
    isSet: (name) => Boolean(variables[name]),
    valueOf: (name) => variables[name] || undefined,
  });
  return { configuration: parseConfiguration(stringify(configuration), file, variables), notes };
}

/** YAML text (JSON is YAML) to a configuration. `file` is for messages only. Throws ConfigurationError. */
export function parseConfiguration(text: string, file: string, variables: Variables): Configuration {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const faults: ConfigurationFault[] = document.errors.map((error) => ({
    file,
    line: lines.linePos(error.pos[0]).line,
    path: '',
    // The part of the file that it quotes may be a secret.
    message: error.message.replace(/: ".*"$/s, ''),
  }));
  if (faults.length > 0) throw new ConfigurationError(faults);
  faults.push(...expandVariables(document, file, lines, variables));
  const parsed = configurationSchema.safeParse(document.toJS() ?? {});
  // A value whose variable is not set is reported once, without further faults on its line.
  const explained = new Set(faults.map((fault) => fault.line));
  const issues = parsed.success ? [] : parsed.error.issues.map((issue) => describeIssue(issue, document, file, lines));
  faults.push(...issues.filter((fault) => fault.line === null || !explained.has(fault.line)));
  if (faults.length > 0 || !parsed.success) {
    throw new ConfigurationError(faults.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)));
  }
  return parsed.data;
}

const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/** `${NAME}` and `${NAME:-default}` in every string value. A variable that is not set is a fault, not an empty text. */
function expandVariables(
  document: Document,
  file: string,
  lines: LineCounter,
  variables: Variables,
): ConfigurationFault[] {
  const faults: ConfigurationFault[] = [];
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value !== 'string') return;
      node.value = node.value.replace(VARIABLE, (_match, name: string, fallback: string | undefined) => {
        const value = variables[name] || fallback;
        if (value === undefined) {
          const line = node.range ? lines.linePos(node.range[0]).line : null;
          faults.push({ file, line, path: '', message: `environment variable ${name} is not set` });
        }
        return value ?? '';
      });
    },
  });
  return faults;
}

function describeIssue(
  issue: z.core.$ZodIssue,
  document: Document,
  file: string,
  lines: LineCounter,
): ConfigurationFault {
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const path = unknown === undefined ? issue.path : [...issue.path, unknown];
  return {
    file,
    line: lineOf(document, path, lines),
    path: path.join('.'),
    message: unknown === undefined ? issue.message : 'unknown setting',
  };
}

/** Line of the deepest part of the path that exists in the file; that of its key, if it has one. */
function lineOf(document: Document, path: readonly PropertyKey[], lines: LineCounter): number | null {
  for (let length = path.length; length > 0; length--) {
    const parent = document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    const pair = isMap(parent) ? parent.items.find((item) => isScalar(item.key) && item.key.value === last) : undefined;
    const node = pair === undefined ? document.getIn(path.slice(0, length), true) : pair.key;
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return null;
}
