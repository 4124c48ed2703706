// `temperature`, `top_p` and `top_k`: gone from the new version and from new models, bounded where thoughts are on.
import type { ModelTraits } from './model-traits.ts';
import { type Body, isAbsent, refuse } from './read-fields.ts';
import type { Thinking } from './read-thinking.ts';
import type { Version } from './versions.ts';

const MEMBERS = ['temperature', 'top_p', 'top_k'] as const;
/** With thoughts on, `top_p` is at least this. */
const LEAST_TOP_P = 0.95;

export function checkSampling(body: Body, traits: ModelTraits, thinking: Thinking, version: Version): void {
  for (const member of MEMBERS) {
    if (version !== '2023-06-01' && member in body) refuse(member, 'Extra inputs are not permitted');
    if (isAbsent(body[member])) continue;
    if (!traits.takesSampling) refuse('', `\`${member}\` is not supported for this model.`);
    checkNumber(body[member], member);
  }
  if (!isAbsent(body.temperature) && !isAbsent(body.top_p) && !thinking.isOn) {
    refuse('', '`temperature` and `top_p` cannot both be specified for this model. Please use only one.');
  }
  if (thinking.isOn) checkBesideThoughts(body);
}

function checkNumber(value: unknown, member: (typeof MEMBERS)[number]): void {
  if (typeof value !== 'number') refuse(member, 'Input should be a valid number');
  if (value < 0) refuse(member, 'Input should be greater than or equal to 0');
  if (value > 1 && member !== 'top_k') refuse(member, 'Input should be less than or equal to 1');
}

function checkBesideThoughts({ temperature, top_p: topP, top_k: topK }: Body): void {
  if (!isAbsent(temperature) && temperature !== 1) {
    refuse('', '`temperature` may only be set to 1 when thinking is enabled.');
  }
  if (!isAbsent(topK)) refuse('', '`top_k` must be unset when thinking is enabled.');
  if (typeof topP === 'number' && topP < LEAST_TOP_P) {
    refuse('', '`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.');
  }
}
