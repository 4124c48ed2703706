// `thoughtSignature`: sent with the first function call of a step and with the final text, and required back on the same part.
// Bound to the model's family and to the provider's project, and invalid elsewhere
// (docs/reference/gemini-generate-content.md section 5).
import type { Provider } from '../dialect.ts';
import { type Claim, isGenuine, sign } from '../signature.ts';
import type { ModelTraits } from './model-traits.ts';
import { refuse } from './read-fields.ts';
import { type Part, partsWith, type Turn } from './turn.ts';

/** Accepted in place of a signature, for history from another provider (ai.google.dev/gemini-api/docs/thought-signatures). */
const SENTINELS = new Set(['skip_thought_signature_validator', 'context_engineering_is_the_way_to_go']);

/** Issuer of a model's signatures; null if the model does not sign. */
export function issuerOf({ family, signs }: ModelTraits, provider: Provider): string | null {
  return signs ? nameIssuer(family, provider) : null;
}

/** @param functionName null for text. @param source makes signatures of the same claim differ. */
export function signPart(issuer: string, functionName: string | null, source: string): string {
  return sign(claimOf(issuer, functionName), source);
}

/** Every signature must be genuine. Models that sign require one on the first function call of each step. */
export function checkSignatures(turns: readonly Turn[], traits: ModelTraits, provider: Provider): void {
  const { family, signs } = traits;
  if (family === null) return;
  const issuer = nameIssuer(family, provider);
  for (const turn of turns) {
    const [first] = partsWith(turn, 'functionCall');
    if (signs && first !== undefined && first.body.thoughtSignature === undefined) refuseMissing(first, turn);
    for (const part of partsWith(turn, 'thoughtSignature')) checkPart(part, issuer);
  }
}

function checkPart({ body, path }: Part, issuer: string): void {
  const signature = String(body.thoughtSignature);
  if (SENTINELS.has(signature)) return;
  if (isGenuine(signature, claimOf(issuer, functionNameOf(body)))) return;
  refuse(`Thought signature is not valid: the thought_signature of ${path} was not issued for this part.`);
}

function refuseMissing({ body }: Part, { position }: Turn): never {
  return refuse(
    'Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and ' +
      'missing thought_signature may lead to degraded model performance. Additional data, function call ' +
      `\`default_api:${functionNameOf(body)}\` , position ${position}. Please refer to ` +
      'https://ai.google.dev/gemini-api/docs/thought-signatures for more details.',
  );
}

function functionNameOf({ functionCall }: Part['body']): string | null {
  return functionCall === undefined ? null : String((functionCall as Part['body']).name);
}

function nameIssuer(family: string | null, { name }: Provider): string {
  return `gemini-generate-content ${family} ${name}`;
}

function claimOf(issuer: string, functionName: string | null): Claim {
  return { issuer, subject: functionName === null ? 'words' : `call ${functionName}` };
}
