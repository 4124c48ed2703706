// What would be asked of a provider that keeps responses: this one keeps none, so there is none by any id.
import type { LookupRoute } from '../dialect.ts';

export const STORED_PATH = /^\/v1\/responses\/([^/]+)(?:\/(?:cancel|input_items))?$/;

export const storedResponse: LookupRoute = {
  kind: 'lookup',
  answer: ({ head }) => ({
    kind: 'invalid',
    message: `Response with id '${STORED_PATH.exec(head.path)![1]}' not found.`,
    param: null,
    code: null,
    status: 404,
  }),
};
