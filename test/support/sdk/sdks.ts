// Every official SDK that Sluice is tried with.
import Anthropic from '@anthropic-ai/sdk';
import Anthropic0 from 'anthropic0';
import OpenAI from 'openai';
import OpenAI6 from 'openai6';
import { AI_SDKS } from './ai-sdk.ts';
import { anthropicSdk } from './anthropic.ts';
import { googleSdk } from './google.ts';
import { openaiChatSdk } from './openai-chat.ts';
import { openaiResponsesSdk } from './openai-responses.ts';
import type { Sdk } from './sdk-client.ts';

/** As far as these tests go, both generations have the same shape. */
const openai6 = OpenAI6 as unknown as typeof OpenAI;
const anthropic0 = Anthropic0 as unknown as typeof Anthropic;

export const OPENAI_CHAT_SDKS: readonly Sdk[] = [
  openaiChatSdk('openai 7 (Chat)', OpenAI),
  openaiChatSdk('openai 6 (Chat)', openai6),
];
export const OPENAI_RESPONSES_SDKS: readonly Sdk[] = [
  openaiResponsesSdk('openai 7 (Responses)', OpenAI),
  openaiResponsesSdk('openai 6 (Responses)', openai6),
];
export const ANTHROPIC_SDKS: readonly Sdk[] = [
  anthropicSdk('@anthropic-ai/sdk 1', Anthropic),
  anthropicSdk('@anthropic-ai/sdk 0', anthropic0),
];
export const GOOGLE_SDKS: readonly Sdk[] = [googleSdk];

export const ALL_SDKS: readonly Sdk[] = [
  ...OPENAI_CHAT_SDKS,
  ...OPENAI_RESPONSES_SDKS,
  ...ANTHROPIC_SDKS,
  ...GOOGLE_SDKS,
  ...AI_SDKS,
];
