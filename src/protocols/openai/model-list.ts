// GET /v1/models in OpenAI's shape, and in Codex's.

import { openaiChatClient } from '../openai-chat/protocol.ts';
import type { ListedModel, ModelShape, RequestTarget } from '../protocol.ts';

export const openaiModels: ModelShape = { client: openaiChatClient, describe, list };

function list(models: readonly ListedModel[], { client_version: codexVersion }: RequestTarget['query']) {
  const answer = { object: 'list', data: models.map(describe) };
  return codexVersion === undefined ? answer : { ...answer, models: models.map(describeForCodex) };
}

/**
 * OpenAI's members, and those that agents read in the lists of OpenRouter (`context_length`, `architecture`,
 * `top_provider`) and Groq (`context_window`, `max_completion_tokens`). `created` is required: 0 where unknown.
 */
function describe({ name, providers, pricing, facts }: ListedModel) {
  const { displayName, createdAtMs = 0, contextTokens, outputTokens, inputModalities, outputModalities } = facts;
  const hasModalities = inputModalities !== undefined || outputModalities !== undefined;
  return {
    id: name,
    object: 'model',
    created: Math.floor(createdAtMs / 1_000),
    owned_by: providers[0],
    name: displayName ?? name,
    providers,
    pricing,
    ...(contextTokens === undefined ? {} : { context_length: contextTokens, context_window: contextTokens }),
    ...(outputTokens === undefined ? {} : { max_completion_tokens: outputTokens }),
    ...(hasModalities
      ? { architecture: { input_modalities: inputModalities, output_modalities: outputModalities } }
      : {}),
    top_provider: { context_length: contextTokens ?? null, max_completion_tokens: outputTokens ?? null },
  };
}

/** The modalities that Codex knows; it rejects a list that has any other. */
const CODEX_MODALITIES = ['text', 'image'];

/** Efforts that every provider protocol has a counterpart for. */
const EFFORTS = [
  ['low', 'Fast answers'],
  ['medium', 'Balanced reasoning'],
  ['high', 'Long reasoning'],
] as const;

/** Codex requires instructions for every model in a list, and has no defaults. */
const INSTRUCTIONS = `You are Codex, a coding agent that shares a workspace with the user. Work until the task is done, and then say \
briefly what you did.

- Read what you need before you change it, and change nothing that the task does not ask for. What the user has changed stays.
- Edit files with the shell command \`apply_patch\`, which takes a patch as its argument:

*** Begin Patch
*** Update File: path/of/file
@@
-a line as it is
+the line as it is to be
*** End Patch

  \`*** Add File: path\` (every line begins with +) and \`*** Delete File: path\` are the other operations.
- Run what shows that the change works: tests, a build, the program itself. If nothing can show it, say so.
- Instructions in an AGENTS.md hold for the folder that it is in; what the user says goes before them.`;

/**
 * What Codex reads of a model (0.171.0: `GET /models?client_version=…` of a provider with command authentication, and the file of
 * `model_catalog_json`). If one model lacks a required member, Codex rejects the whole list.
 */
function describeForCodex({ name, providers, facts }: ListedModel, index: number) {
  const { displayName, contextTokens, inputModalities } = facts;
  return {
    slug: name,
    display_name: displayName ?? name,
    description: `Answered by ${providers.join(', ')}.`,
    supported_reasoning_levels: EFFORTS.map(([effort, description]) => ({ effort, description })),
    shell_type: 'unified_exec',
    visibility: 'list',
    supported_in_api: true,
    priority: index + 1,
    upgrade: null,
    base_instructions: INSTRUCTIONS,
    supports_reasoning_summaries: true,
    support_verbosity: false,
    default_verbosity: null,
    apply_patch_tool_type: null,
    truncation_policy: { mode: 'bytes', limit: 10_000 },
    supports_parallel_tool_calls: true,
    ...(contextTokens === undefined ? {} : { context_window: contextTokens, max_context_window: contextTokens }),
    experimental_supported_tools: [],
    ...(inputModalities === undefined
      ? {}
      : { input_modalities: CODEX_MODALITIES.filter((modality) => inputModalities.includes(modality)) }),
  };
}
