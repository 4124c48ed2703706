// The headers that select the version of the API: `anthropic-version` and `anthropic-beta`.
import { invalid } from '../../engine/refusal.ts';
import type { RequestHead } from '../dialect.ts';

const VERSIONS = ['2023-06-01', '2026-10-21'] as const;

/** 2026-10-21 refuses sampling parameters, and writes members as null that 2023-06-01 leaves out. */
export type Version = (typeof VERSIONS)[number];

/**
 * A name and a date, with or without hyphens: `prompt-caching-2024-07-31`, and `claude-code-20250219`, which Claude Code
 * sends. Names are not checked further, because a broker only passes them on.
 */
const BETA = /^[a-z0-9-]+-(?:\d{4}-\d{2}-\d{2}|\d{8})$/;

export function readVersion({ headers }: RequestHead): Version {
  const version = headers['anthropic-version'];
  if (version === undefined) throw invalid('anthropic-version: header is required');
  const known = VERSIONS.find((candidate) => candidate === version);
  if (known === undefined) throw invalid(`anthropic-version: "${version}" is not a valid version`);
  return known;
}

export function checkBetas({ headers }: RequestHead): void {
  const names = String(headers['anthropic-beta'] ?? '').split(',');
  const unknown = names.map((name) => name.trim()).find((name) => name !== '' && !BETA.test(name));
  if (unknown !== undefined) throw invalid(`Unexpected value(s) \`${unknown}\` for the \`anthropic-beta\` header.`);
}
