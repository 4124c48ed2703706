// `@google/genai`, in its default API version.
import {
  ApiError,
  type Content,
  FunctionCallingConfigMode,
  type GenerateContentConfig,
  type GenerateContentResponse,
  GoogleGenAI,
  type Part,
} from '@google/genai';
import { IMAGE_BASE64, IMAGE_URL, PDF_BASE64 } from '#test/fixtures/protocols/fixtures.ts';
import {
  MAX_TOKENS,
  type Question,
  RESULTS,
  type Reply,
  SCHEMA,
  type Sdk,
  THINKING_BUDGET,
  TOOLS,
} from './sdk-client.ts';

export const googleSdk: Sdk = {
  name: '@google/genai',
  finishes: { stop: 'STOP', calls: 'STOP' },
  // It copies the members that it knows, and no other.
  hides: ['cost'],
  connect(url, key) {
    const { models } = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url } });
    return {
      async ask(question) {
        const contents = contentsOf(question);
        const response = await models.generateContent({
          model: question.model,
          contents,
          config: configOf(question),
        });
        return readChunks([response], contents);
      },
      async stream(question) {
        const contents = contentsOf(question);
        const stream = await models.generateContentStream({
          model: question.model,
          contents,
          config: configOf(question),
        });
        const chunks: GenerateContentResponse[] = [];
        for await (const chunk of stream) chunks.push(chunk);
        return readChunks(chunks, contents);
      },
      async leave(question) {
        // The SDK's iterator does not close the connection when it is left: only its signal does.
        const gone = new AbortController();
        const stream = await models.generateContentStream({
          model: question.model,
          contents: contentsOf(question),
          config: { ...configOf(question), abortSignal: gone.signal },
        });
        for await (const _chunk of stream) break;
        gone.abort();
      },
      statusOf: (error) => (error instanceof ApiError ? error.status : undefined),
    };
  },
};

function contentsOf({ after, prompt, attachment }: Question): Content[] {
  const history = (after?.history ?? []) as Content[];
  const results = (after?.calls ?? []).map(({ id, name }) => ({
    functionResponse: { ...(id === '' ? {} : { id }), name, response: { output: RESULTS[name]! } },
  }));
  if (results.length > 0) return [...history, { role: 'user', parts: results }];
  const parts: Part[] = [...(attachment === undefined ? [] : [attachmentOf(attachment)]), { text: prompt }];
  return [...history, { role: 'user', parts }];
}

function attachmentOf(kind: NonNullable<Question['attachment']>): Part {
  switch (kind) {
    case 'image':
      return { inlineData: { mimeType: 'image/png', data: IMAGE_BASE64 } };
    case 'image-link':
      return { fileData: { mimeType: 'image/png', fileUri: IMAGE_URL } };
    case 'pdf':
      return { inlineData: { mimeType: 'application/pdf', data: PDF_BASE64 } };
  }
}

function configOf({ system, hasTools, isJson, isThinking, signal }: Question): GenerateContentConfig {
  const declarations = TOOLS.map(({ name, description, parameters }) => ({
    name,
    description,
    parametersJsonSchema: parameters,
  }));
  return {
    maxOutputTokens: MAX_TOKENS,
    ...(system === undefined ? {} : { systemInstruction: system }),
    ...(hasTools
      ? {
          tools: [{ functionDeclarations: declarations }],
          toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.AUTO } },
        }
      : {}),
    ...(isJson ? { responseMimeType: 'application/json', responseJsonSchema: SCHEMA } : {}),
    ...(isThinking ? { thinkingConfig: { includeThoughts: true, thinkingBudget: THINKING_BUDGET } } : {}),
    ...(signal === undefined ? {} : { abortSignal: signal }),
  };
}

/** Parts are sent back unchanged, each in its place, as Google advises for signatures. */
function readChunks(chunks: readonly GenerateContentResponse[], contents: Content[]): Reply {
  const parts = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
  const last = chunks.findLast((chunk) => chunk.usageMetadata !== undefined);
  const usage = last?.usageMetadata;
  const textOf = (isThought: boolean) =>
    parts.filter((part) => (part.thought === true) === isThought).map((part) => part.text ?? '');
  return {
    text: textOf(false).join(''),
    reasoning: textOf(true).join(''),
    calls: parts.flatMap(({ functionCall: call }) =>
      call === undefined ? [] : [{ id: call.id ?? '', name: call.name ?? '', input: call.args }],
    ),
    finish: chunks.findLast((chunk) => chunk.candidates?.[0]?.finishReason)?.candidates?.[0]?.finishReason ?? null,
    usage: usage
      ? {
          input: (usage.promptTokenCount ?? 0) + (usage.toolUsePromptTokenCount ?? 0),
          output: (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0),
        }
      : null,
    pieces: textOf(false).filter((text) => text !== '').length,
    history: [...contents, { role: 'model', parts }],
  };
}
