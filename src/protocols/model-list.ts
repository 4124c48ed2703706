// What `GET models` says of a model, whichever shape the client wants it in.
import type { Failure } from '../contracts/failure.ts';
import type { UpstreamModel } from '../contracts/upstream-model.ts';
import type { ClientProtocol, RequestTarget } from './protocol.ts';

export interface ListedModel {
  /** The public name. */
  name: string;
  /** Who can answer, best first; never empty. */
  providers: readonly string[];
  /** Of the first of them; null where nobody knows. */
  pricing: ListedPrice | null;
  /** What the first of them says of it, or the price package. */
  facts: Omit<UpstreamModel, 'id'>;
}

/** USD per million tokens; and by the token, as text, as OpenRouter has it and agents read it. */
export interface ListedPrice {
  unit: string;
  input: number;
  cached_input: number;
  output: number;
  prompt: string;
  completion: string;
  input_cache_read: string;
}

/** How one protocol lists models. */
export interface ModelShape {
  /** Whose errors and credentials the callers have. */
  client: ClientProtocol;
  describe(model: ListedModel): object;
  /** All of them, or the page that the query asks for; a failure where it asks for what there is not. */
  list(models: readonly ListedModel[], query: RequestTarget['query']): object | Failure;
}
