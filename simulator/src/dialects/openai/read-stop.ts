// `stop`: texts that end an answer.
import { invalid } from '../../engine/refusal.ts';
import type { Body } from '../read-fields.ts';

const MOST_STOP_SEQUENCES = 4;

export function readStop({ stop }: Body): readonly string[] {
  if (stop === undefined || stop === null) return [];
  const sequences = Array.isArray(stop) ? stop : [stop];
  if (sequences.length > MOST_STOP_SEQUENCES || !sequences.every((sequence) => typeof sequence === 'string')) {
    throw invalid("Invalid type for 'stop': expected a string or up to 4 strings.", 'stop', 'invalid_type');
  }
  return sequences as string[];
}
