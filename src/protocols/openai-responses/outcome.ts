// How an answer ended, in the words of a response.
import type { FinishReason } from '../../contracts/answer.ts';
import type { ResponseState } from './response-object.ts';

/** The end of an answer as a response tells it. */
export type Outcome = Pick<ResponseState, 'incompleteReason' | 'error'> & {
  status: 'completed' | 'incomplete' | 'failed';
};

/** `message`: what the provider says of an end that is no clean one. */
export function outcomeOf(reason: FinishReason, message?: string): Outcome {
  switch (reason) {
    case 'length':
      return { status: 'incomplete', incompleteReason: 'max_output_tokens' };
    case 'content-filter':
      return { status: 'incomplete', incompleteReason: 'content_filter' };
    case 'error':
      return {
        status: 'failed',
        error: { code: 'server_error', message: message || 'The provider could not finish its answer.' },
      };
    default:
      return { status: 'completed' };
  }
}
