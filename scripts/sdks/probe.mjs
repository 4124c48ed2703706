// Runs the cases with SDKs for JavaScript, in the folder where they are installed. Prints the results as one line of JSON.
//   node probe.mjs SDK < cases (JSON: url, key, model, schema, tools, cases)
import { readFileSync } from 'node:fs';

const [, , sdk] = process.argv;
const { url, key, model, schema, tools, cases } = JSON.parse(readFileSync(0, 'utf8'));
/** Result of the script's tools. */
const RESULT = 'the result';

const SDKS = {
  async 'openai chat'() {
    const { default: OpenAI } = await import('openai');
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key });
    const user = (content) => [{ role: 'user', content }];
    const create = (body) => client.chat.completions.create({ model, ...body });
    return {
      say: async (prompt) => (await create({ messages: user(prompt) })).choices[0].message.content,
      async *stream(prompt) {
        for await (const { choices } of await create({ messages: user(prompt), stream: true })) {
          yield choices[0]?.delta?.content ?? '';
        }
      },
      async structured(prompt) {
        const json_schema = { name: 'answer', strict: true, schema };
        const body = { model, messages: user(prompt), response_format: { type: 'json_schema', json_schema } };
        const { choices } = await client.chat.completions.parse(body);
        return choices[0].message.parsed ?? JSON.parse(choices[0].message.content);
      },
      async tools(prompt, onCall) {
        const messages = user(prompt);
        const declared = tools.map((tool) => ({ type: 'function', function: tool }));
        for (;;) {
          const { message } = (await create({ messages, tools: declared })).choices[0];
          messages.push(message);
          if (!message.tool_calls?.length) return message.content;
          for (const { id, function: called } of message.tool_calls) {
            onCall(called.name, JSON.parse(called.arguments));
            messages.push({ role: 'tool', tool_call_id: id, content: RESULT });
          }
        }
      },
    };
  },
  async 'openai responses'() {
    const { default: OpenAI } = await import('openai');
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key });
    const create = (body) => client.responses.create({ model, ...body });
    return {
      say: async (prompt) => (await create({ input: prompt })).output_text,
      async *stream(prompt) {
        for await (const event of client.responses.stream({ model, input: prompt })) {
          if (event.type === 'response.output_text.delta') yield event.delta;
        }
      },
      async structured(prompt) {
        const format = { type: 'json_schema', name: 'answer', strict: true, schema };
        const { output_parsed: parsed, output_text: text } = await client.responses.parse({
          ...{ model, input: prompt, text: { format } },
        });
        return parsed ?? JSON.parse(text);
      },
      async tools(prompt, onCall) {
        let input = [{ role: 'user', content: prompt }];
        let previous;
        const declared = tools.map((tool) => ({ type: 'function', strict: false, ...tool }));
        for (;;) {
          const {
            id,
            output,
            output_text: text,
          } = await create({
            ...{ input, tools: declared, previous_response_id: previous },
          });
          const calls = output.filter(({ type }) => type === 'function_call');
          if (calls.length === 0) return text;
          previous = id;
          input = calls.map(({ call_id, name, arguments: given }) => {
            onCall(name, JSON.parse(given));
            return { type: 'function_call_output', call_id, output: RESULT };
          });
        }
      },
    };
  },
  async anthropic() {
    const { default: Anthropic } = await import('@anthropic-ai/sdk');
    const client = new Anthropic({ baseURL: url, apiKey: key });
    const user = (content) => [{ role: 'user', content }];
    const create = (body) => client.messages.create({ model, max_tokens: 2_000, ...body });
    const textOf = ({ content }) => content.map((block) => block.text ?? '').join('');
    return {
      say: async (prompt) => textOf(await create({ messages: user(prompt) })),
      async *stream(prompt) {
        for await (const event of client.messages.stream({ model, max_tokens: 2_000, messages: user(prompt) })) {
          if (event.type === 'content_block_delta') yield event.delta.text ?? '';
        }
      },
      async structured(prompt) {
        const output_config = { format: { type: 'json_schema', schema } };
        return JSON.parse(textOf(await create({ messages: user(prompt), output_config })));
      },
      async tools(prompt, onCall) {
        const messages = user(prompt);
        const declared = tools.map(({ name, parameters }) => ({ name, input_schema: parameters }));
        for (;;) {
          const message = await create({ messages, tools: declared });
          messages.push({ role: 'assistant', content: message.content });
          const calls = message.content.filter(({ type }) => type === 'tool_use');
          if (calls.length === 0) return textOf(message);
          const content = calls.map(({ id, name, input }) => {
            onCall(name, input);
            return { type: 'tool_result', tool_use_id: id, content: RESULT };
          });
          messages.push({ role: 'user', content });
        }
      },
    };
  },
  async 'google-genai'() {
    const { GoogleGenAI } = await import('@google/genai');
    const client = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url } });
    const ask = (contents, config = {}) => client.models.generateContent({ model, contents, config });
    return {
      say: async (prompt) => (await ask(prompt)).text,
      async *stream(prompt) {
        for await (const { text } of await client.models.generateContentStream({ model, contents: prompt }))
          yield text ?? '';
      },
      async structured(prompt) {
        const config = { responseMimeType: 'application/json', responseJsonSchema: schema };
        return JSON.parse((await ask(prompt, config)).text);
      },
      async tools(prompt, onCall) {
        const contents = [{ role: 'user', parts: [{ text: prompt }] }];
        const declared = tools.map(({ name, parameters }) => ({ name, parametersJsonSchema: parameters }));
        for (;;) {
          const answer = await ask(contents, { tools: [{ functionDeclarations: declared }] });
          contents.push(answer.candidates[0].content);
          if (!answer.functionCalls?.length) return answer.text;
          const parts = answer.functionCalls.map(({ id, name, args }) => {
            onCall(name, args);
            return { functionResponse: { id, name, response: { output: RESULT } } };
          });
          contents.push({ role: 'user', parts });
        }
      },
    };
  },
  'ai openai chat': () => aiSdk('@ai-sdk/openai', 'createOpenAI', '/v1', (provider) => provider.chat(model)),
  'ai openai responses': () => aiSdk('@ai-sdk/openai', 'createOpenAI', '/v1', (provider) => provider.responses(model)),
  'ai anthropic': () => aiSdk('@ai-sdk/anthropic', 'createAnthropic', '/v1', (provider) => provider(model)),
  'ai google': () => aiSdk('@ai-sdk/google', 'createGoogleGenerativeAI', '/v1beta', (provider) => provider(model)),
  'langchain openai': () =>
    langchain('@langchain/openai', 'ChatOpenAI', { apiKey: key, model, configuration: { baseURL: `${url}/v1` } }),
  'langchain anthropic': () =>
    langchain('@langchain/anthropic', 'ChatAnthropic', { apiKey: key, model, anthropicApiUrl: url, maxTokens: 2_000 }),
  'langchain google': () =>
    langchain('@langchain/google-genai', 'ChatGoogleGenerativeAI', { apiKey: key, model, baseUrl: url }),
};

async function aiSdk(name, create, path, choose) {
  const { generateText, streamText, generateObject, jsonSchema, stepCountIs, tool } = await import('ai');
  const provider = (await import(name))[create]({ apiKey: key, baseURL: `${url}${path}` });
  const chosen = choose(provider);
  return {
    say: async (prompt) => (await generateText({ model: chosen, prompt })).text,
    async *stream(prompt) {
      // Errors are separate from the text: a loop over `textStream` alone would not see them.
      const { fullStream } = streamText({ model: chosen, prompt, onError: () => undefined });
      for await (const part of fullStream) {
        if (part.type === 'error') throw part.error;
        if (part.type === 'text-delta') yield part.text ?? part.textDelta ?? part.delta ?? '';
      }
    },
    structured: async (prompt) => (await generateObject({ model: chosen, prompt, schema: jsonSchema(schema) })).object,
    async tools(prompt, onCall) {
      const declared = tools.map(({ name: toolName, description, parameters }) => {
        const execute = async (input) => {
          onCall(toolName, input);
          return RESULT;
        };
        return [toolName, tool({ description, inputSchema: jsonSchema(parameters), execute })];
      });
      return (
        await generateText({ model: chosen, prompt, tools: Object.fromEntries(declared), stopWhen: stepCountIs(9) })
      ).text;
    },
  };
}

async function langchain(name, create, options) {
  const chat = new (await import(name))[create](options);
  const { HumanMessage, ToolMessage } = await import('@langchain/core/messages');
  const textOf = ({ content }) =>
    typeof content === 'string' ? content : content.map((part) => part.text ?? '').join('');
  return {
    say: async (prompt) => textOf(await chat.invoke(prompt)),
    async *stream(prompt) {
      for await (const chunk of await chat.stream(prompt)) yield textOf(chunk);
    },
    structured: (prompt) => chat.withStructuredOutput(schema, { name: 'answer' }).invoke(prompt),
    async tools(prompt, onCall) {
      const bound = chat.bindTools(
        tools.map(({ name: toolName, description, parameters }) => ({
          ...{ type: 'function', function: { name: toolName, description, parameters } },
        })),
      );
      const messages = [new HumanMessage(prompt)];
      for (;;) {
        const message = await bound.invoke(messages);
        messages.push(message);
        if (!message.tool_calls?.length) return textOf(message);
        for (const { id, name: toolName, args } of message.tool_calls) {
          onCall(toolName, args);
          messages.push(new ToolMessage({ tool_call_id: id, name: toolName, content: RESULT }));
        }
      }
    },
  };
}

const client = await SDKS[sdk]();
const results = {};
for (const { name, kind, prompt } of cases) {
  const startedAtMs = Date.now();
  results[name] = { ...(await attempt(kind, prompt)), ms: Date.now() - startedAtMs };
}
console.log(JSON.stringify(results));
process.exit(0);

async function attempt(kind, prompt) {
  let text = '';
  const calls = [];
  try {
    if (kind === 'stream') for await (const piece of client.stream(prompt)) text += piece;
    else if (kind === 'tools') text = await client.tools(prompt, (tool, input) => calls.push({ tool, input }));
    else if (kind === 'structured') return { value: await client.structured(prompt), calls };
    else text = await client.say(prompt);
    return { text, calls };
  } catch (error) {
    const status = error?.status ?? error?.statusCode ?? error?.lastError?.statusCode;
    return {
      text,
      calls,
      raised: [error?.constructor?.name ?? typeof error, status].filter(Boolean).join(' '),
      message: String(error?.message ?? error),
    };
  }
}
