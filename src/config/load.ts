// Reads and validates the configuration file. Reports every fault at once, each with its file and line.
import { isUtf8 } from 'node:buffer';
import { existsSync, readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import type { z } from 'zod';
import { checkReferences } from './check-references.ts';
import { importLiteLlm, isLiteLlm } from './import/litellm.ts';
import { type Configuration, configurationSchema } from './schema.ts';
import { readYaml, type Variables, type YamlSource } from './yaml-source.ts';

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

/** Used from the working directory if no path is given. */
export const DEFAULT_CONFIG_PATH = 'sluice.yaml';

export interface LoadedConfiguration {
  configuration: Configuration;
  /** Settings in another gateway's file that Sluice does not support. */
  notes: readonly string[];
}

/**
 * The file at `path`, or `sluice.yaml`, or an empty configuration when there is none. All its references lead somewhere.
 * Throws ConfigurationError.
 */
export function loadConfiguration(path: string | undefined, variables: Variables): LoadedConfiguration {
  const file = path ?? DEFAULT_CONFIG_PATH;
  if (!existsSync(file)) {
    if (path === undefined) return { configuration: configurationSchema.parse({}), notes: [] };
    throw wholeFault(file, 'no such file');
  }
  const text = readText(file);
  return (
    loadLiteLlm(text, file, variables) ?? { configuration: readChecked(readYaml(text, variables), file), notes: [] }
  );
}

function readText(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw wholeFault(file, `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  }
  if (!isUtf8(bytes)) throw wholeFault(file, 'not a text in UTF-8: save it in this encoding');
  return bytes.toString();
}

function wholeFault(file: string, message: string): ConfigurationError {
  return new ConfigurationError([{ file, line: null, path: '', message }]);
}

/** Converts a `config.yaml` of LiteLLM. Null for any other file. */
function loadLiteLlm(text: string, file: string, variables: Variables): LoadedConfiguration | null {
  if (!/^\s*["']?(model_list|litellm_settings)["']?\s*:/m.test(text)) return null;
  const { value } = readYaml(text, null);
  if (!isLiteLlm(value)) return null;
  const { configuration, notes } = importLiteLlm(value, {
    isSet: (name) => Boolean(variables[name]),
    valueOf: (name) => variables[name] || undefined,
  });
  return { configuration: readChecked(withoutLines(readYaml(stringify(configuration), variables)), file), notes };
}

/** The lines of a converted text are not those of the file. */
function withoutLines({ faults, value }: YamlSource): YamlSource {
  return { faults: faults.map((fault) => ({ ...fault, line: null })), value, lineOf: () => null };
}

function readChecked(source: YamlSource, file: string): Configuration {
  const configuration = validate(source, file);
  const faults = checkReferences(configuration);
  if (faults.length === 0) return configuration;
  throw new ConfigurationError(faults.map((fault) => ({ file, line: source.lineOf(fault.path), ...fault })));
}

/**
 * YAML text (JSON is YAML) to a configuration; its references are not followed. `file` is for messages only.
 * Throws ConfigurationError.
 */
export function parseConfiguration(text: string, file: string, variables: Variables): Configuration {
  return validate(readYaml(text, variables), file);
}

function validate(source: YamlSource, file: string): Configuration {
  const faults: ConfigurationFault[] = source.faults.map((fault) => ({ file, path: '', ...fault }));
  if (source.value === undefined && faults.length > 0) throw new ConfigurationError(faults);
  const parsed = configurationSchema.safeParse(source.value ?? {});
  // A value whose variable is not set is reported once, without further faults on its line.
  const explained = new Set(faults.map((fault) => fault.line));
  const issues = parsed.success ? [] : parsed.error.issues.map((issue) => describeIssue(issue, source, file));
  faults.push(...issues.filter((fault) => fault.line === null || !explained.has(fault.line)));
  if (faults.length > 0 || !parsed.success) {
    throw new ConfigurationError(faults.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)));
  }
  return parsed.data;
}

function describeIssue(issue: z.core.$ZodIssue, source: YamlSource, file: string): ConfigurationFault {
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const path = unknown === undefined ? issue.path : [...issue.path, unknown];
  return {
    file,
    line: source.lineOf(path),
    path: path.join('.'),
    message: unknown === undefined ? issue.message : 'unknown setting',
  };
}
