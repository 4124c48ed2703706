import type { VendorCodec } from '../codec.ts';
import { ChatAnswerDecoder } from './answer-decoder.ts';
import { decodeChatAnswer } from './decode-answer.ts';
import { encodeChatRequest } from './encode-request.ts';

/** Any OpenAI-compatible vendor, for clients of other protocols. */
export const chatVendorCodec: VendorCodec = {
  encodeRequest: encodeChatRequest,
  decodeAnswer: decodeChatAnswer,
  openDecoder: (context) => new ChatAnswerDecoder(context),
};
