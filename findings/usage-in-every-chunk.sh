#!/bin/bash
# What      A chat stream whose chunks each have the usage so far, as vLLM and SGLang send it for `continuous_usage_stats`, Baseten by
#           default, Perplexity and Gemini's OpenAI endpoint always: 10 tokens in, 3 out, in five chunks. What libraries report then.
# Versions  @langchain/openai 1.5.8 with @langchain/core 1.4.0, ai 7.0.173 with @ai-sdk/openai 4.0.118 (npm);
#           langchain-openai 1.7.4 with langchain-core 1.8.3, pydantic-ai-slim 2.68.0, haystack-ai 3.4.1, openai 3.57.0 (PyPI)
# Expected  10 and 3 everywhere: a later count replaces an earlier one.
# Seen      2026-11-29: langchain-openai and pydantic-ai add them up: 50 and 12. LangChain for JavaScript, the AI SDK and Haystack
#           keep the last one. The input counts once per chunk: what an agent believes to have spent grows with each word of the answer.
set -euo pipefail
dir=$(mktemp -d); trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 @langchain/openai@1.5.8 @langchain/core@1.4.0 ai@7.0.173 @ai-sdk/openai@4.0.118 zod@4.6.7
uv venv --quiet py && uv pip install --quiet --python py/bin/python openai==3.57.0 langchain-openai==1.7.4 langchain-core==1.8.3 \
  'pydantic-ai-slim[openai]==2.68.0' haystack-ai==3.4.1
export PATH="$dir/node_modules/.bin:$PATH" HAYSTACK_TELEMETRY_ENABLED=False LANGSMITH_TRACING=false

cat > server.mjs <<'E'
import http from 'node:http';
const chunk = (choices, tokens) => `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices,
  usage: { prompt_tokens: 10, completion_tokens: tokens, total_tokens: 10 + tokens } })}\n\n`;
const said = (content, tokens) => chunk([{ index: 0, delta: { role: 'assistant', content }, finish_reason: null }], tokens);
const body = [said('one ', 1), said('two ', 2), said('three', 3), chunk([{ index: 0, delta: {}, finish_reason: 'stop' }], 3), chunk([], 3), 'data: [DONE]\n\n'].join('');
const server = http.createServer((request, answer) => {
  request.resume().on('end', () => answer.writeHead(200, { 'content-type': 'text/event-stream' }).end(body));
}).listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/v1`));
E
node server.mjs > url & server=$!; until [ -s url ]; do sleep 0.1; done; export URL=$(cat url)

cat > client.mjs <<'E'
import { createOpenAI } from '@ai-sdk/openai'; import { ChatOpenAI } from '@langchain/openai'; import { streamText } from 'ai';
const baseURL = process.env.URL, apiKey = 'k';
let whole;
for await (const piece of await new ChatOpenAI({ model: 'm', apiKey, configuration: { baseURL } }).stream('h')) whole = whole?.concat(piece) ?? piece;
console.log(`LangChain, js: ${whole.usage_metadata.input_tokens} in, ${whole.usage_metadata.output_tokens} out`);
const result = streamText({ model: createOpenAI({ apiKey, baseURL }).chat('m'), prompt: 'h' });
await result.text;
const { inputTokens, outputTokens } = await result.usage;
console.log(`AI SDK, js: ${inputTokens} in, ${outputTokens} out`);
E
cat > client.py <<'E'
import asyncio, os
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.utils import Secret
from langchain_openai import ChatOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
url = os.environ['URL']
generator = OpenAIChatGenerator(api_key=Secret.from_token('k'), model='m', api_base_url=url, streaming_callback=lambda _: None)
usage = generator.run([ChatMessage.from_user('h')])['replies'][0].meta['usage']
print(f"Haystack, python: {usage['prompt_tokens']} in, {usage['completion_tokens']} out")
whole = None
for piece in ChatOpenAI(model='m', api_key='k', base_url=url).stream('h'): whole = piece if whole is None else whole + piece
print(f"LangChain, python: {whole.usage_metadata['input_tokens']} in, {whole.usage_metadata['output_tokens']} out")
async def ask():
    agent = Agent(OpenAIChatModel('m', provider=OpenAIProvider(base_url=url, api_key='k')))
    async with agent.run_stream('h') as result:
        await result.get_output()
        return result.usage
usage = asyncio.run(ask())
print(f'Pydantic AI, python: {usage.input_tokens} in, {usage.output_tokens} out')
E
{ node client.mjs; py/bin/python client.py; } 2> errors | tee seen || { cat errors; exit 1; }
diff seen - <<'E' && echo 'unchanged'
LangChain, js: 10 in, 3 out
AI SDK, js: 10 in, 3 out
Haystack, python: 10 in, 3 out
LangChain, python: 50 in, 12 out
Pydantic AI, python: 50 in, 12 out
E
