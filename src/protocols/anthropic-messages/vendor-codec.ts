// Requests from the canonical form to Anthropic, answers to it.
import type { VendorCodec } from '../codec.ts';
import { MessagesDecoder } from './answer-decoder.ts';
import { decodeMessagesAnswer } from './decode-answer.ts';
import { encodeMessagesRequest } from './encode-request.ts';
import { continuesPrefill } from './models.ts';

export const messagesVendorCodec: VendorCodec = {
  acceptsPrefill: continuesPrefill,
  encodeRequest: encodeMessagesRequest,
  decodeAnswer: decodeMessagesAnswer,
  openDecoder: (context) => new MessagesDecoder(context),
};
