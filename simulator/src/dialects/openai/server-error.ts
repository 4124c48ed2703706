// The error of a provider's internal failure.

export const SERVER_ERROR_MESSAGE =
  'The server had an error while processing your request. Sorry about that! You can retry your request, or contact us ' +
  'through our help center at help.openai.com if the error persists.';

/** As in bodies and chunks with status 200. */
export function serverError() {
  return { message: SERVER_ERROR_MESSAGE, type: 'server_error', param: null, code: null };
}
