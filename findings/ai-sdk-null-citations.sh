#!/bin/bash
# What      A text block of an Anthropic message whose `citations` is null, read by the Vercel AI SDK's package for Anthropic. The
#           official SDKs type it as `Array | null`, and version 2026-10-21 of the API always sends the member.
# Versions  @ai-sdk/anthropic 3.0.140 with ai 6.0.326, @ai-sdk/anthropic 4.0.105 with ai 7.0.173, @anthropic-ai/sdk 1.11.0 (npm)
# Expected  The same result as without the member, in every version.
# Seen      2026-11-28: the previous major version of the AI SDK refuses the whole answer ("Invalid JSON response"), although it
#           is HTTP 200 and paid for. The newest one and Anthropic's own SDK accept it. In a stream the same block is accepted by
#           all.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund node@24.21.0 \
  old-ai@npm:ai@6.0.326 old-anthropic@npm:@ai-sdk/anthropic@3.0.140 \
  new-ai@npm:ai@7.0.173 new-anthropic@npm:@ai-sdk/anthropic@4.0.105 @anthropic-ai/sdk@1.11.0
export PATH="$dir/node_modules/.bin:$PATH"

cat > read.mjs <<'E2'
import Anthropic from '@anthropic-ai/sdk';
import * as newAi from 'new-ai';
import { createAnthropic as newAnthropic } from 'new-anthropic';
import * as oldAi from 'old-ai';
import { createAnthropic as oldAnthropic } from 'old-anthropic';

globalThis.AI_SDK_LOG_WARNINGS = false;
const text = { type: 'text', text: 'Hello.' };
const message = (block) => ({
  id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-sonnet-4-5', content: [block],
  stop_reason: 'end_turn', stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 },
});
const answering = (block) => async () =>
  new Response(JSON.stringify(message(block)), { headers: { 'content-type': 'application/json' } });
const throughAi = (create, { generateText }) => async (fetch) => {
  const model = create({ apiKey: 'k', fetch })('claude-sonnet-4-5');
  return (await generateText({ model, prompt: 'h', maxRetries: 0 })).text;
};
const readers = {
  'ai 6': throughAi(oldAnthropic, oldAi),
  'ai 7': throughAi(newAnthropic, newAi),
  anthropic: async (fetch) => {
    const client = new Anthropic({ apiKey: 'k', fetch, maxRetries: 0 });
    const request = { model: 'claude-sonnet-4-5', max_tokens: 9, messages: [{ role: 'user', content: 'h' }] };
    return (await client.messages.create(request)).content[0].text;
  },
};
for (const [name, read] of Object.entries(readers)) {
  for (const [how, block] of Object.entries({ without: text, null: { ...text, citations: null } })) {
    const seen = await read(answering(block)).catch((error) => `raises: ${error.message}`);
    console.log(`${name}, ${how}: ${seen}`);
  }
}
E2
node read.mjs 2> /dev/null | tee seen
diff seen - <<'E2' && echo 'unchanged'
ai 6, without: Hello.
ai 6, null: raises: Invalid JSON response
ai 7, without: Hello.
ai 7, null: Hello.
anthropic, without: Hello.
anthropic, null: Hello.
E2
