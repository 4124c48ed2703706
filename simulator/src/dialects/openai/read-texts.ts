// `input` of embeddings and `prompt` of the old completions: a text or several, as words or as the numbers of tokens.
import { tokensOfText } from '../../../../src/protocols/providers/token-estimate.ts';
import { invalid } from '../../engine/refusal.ts';
import type { Body } from '../read-fields.ts';
import { missing } from './read-body.ts';

export interface PromptText {
  text: string;
  tokens: number;
}

export function readTexts(body: Body, member: string): readonly PromptText[] {
  const value = body[member];
  if (value === undefined || value === null) throw missing(member);
  if (typeof value === 'string') return [ofWords(value)];
  if (!Array.isArray(value) || value.length === 0) throw refuse(member);
  if (value.every((item) => typeof item === 'string')) return value.map(ofWords);
  if (isTokens(value)) return [ofTokens(value)];
  if (value.every((item) => isTokens(item))) return value.map(ofTokens);
  throw refuse(member);
}

function isTokens(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every((token) => Number.isInteger(token) && token >= 0);
}

function ofWords(text: string): PromptText {
  return { text, tokens: tokensOfText(text) };
}

/** Their text is unknown, but the same token numbers give the same description. */
function ofTokens(tokens: readonly number[]): PromptText {
  return { text: `[${tokens.join(' ')}]`, tokens: tokens.length };
}

function refuse(member: string): Error {
  const message = `Invalid type for '${member}': expected a string, an array of strings, an array of tokens or an array of token arrays.`;
  return invalid(message, member, 'invalid_type');
}
