// OpenAPI entries of requests by id, stored responses and conversations.
import { z } from 'zod';
import { includeQuery, pageQuery } from '../../../responses/items.ts';
import { OPENAI_PREFIXES } from '../../request-target.ts';
import { conversationChange, newConversation, newItems } from '../../routes/conversations.ts';
import { retrieveQuery } from '../../routes/responses.ts';
import { response, responseEvents } from './inference.ts';
import { EVENTS_TYPE, group, JSON_TYPE, json, listOf, named, type Operation, ok, under } from './operation.ts';
import { ANSWER_HEADERS, attempt, INFERENCE_FAILURES, timeline, unixSeconds, usage } from './parts.ts';

export const request = named(
  'Request',
  z.object({
    id: z.string(),
    object: z.literal('request'),
    status: z.enum(['queued', 'running', 'cancelling', 'completed', 'cancelled', 'failed', 'done']),
    model: z.string(),
    protocol: z.string(),
    lane: z.string(),
    priority: z.string().describe('Position among the requests of its key.'),
    stream: z.boolean(),
    created_at: unixSeconds,
    finished_at: unixSeconds.nullable(),
    provider: z.string().nullable(),
    stream_url: z.string(),
    timeline,
    attempts: z.array(attempt),
    replay_of: z.string().optional(),
    replayed_as: z.array(z.string()).optional(),
    queue: z
      .object({
        provider: z.string(),
        lane: z.string(),
        priority: z.string().describe('Position among the requests of its key.'),
        position: z.number().int().nullable(),
        estimated_wait_ms: z.number().nullable(),
        estimated_start_at: unixSeconds.nullable(),
        waits_for: z.string().nullable(),
      })
      .optional()
      .describe('Only while it is waiting.'),
    usage: usage.extend({ cost: z.number().describe('Cost at the providers, in US dollars.') }),
    cost: z.number().describe('Amount charged to the key’s budget, in US dollars.'),
    error: z.object({ code: z.string(), message: z.string().nullable() }).nullish(),
    answer: z.object({ status: z.number().int(), body: z.unknown() }).nullish(),
  }),
);

export const requestOperations: readonly Operation[] = group(
  { tag: 'requests', access: 'client', errors: ['openai'] },
  [
    {
      routes: ['GET /v1/requests/:id'],
      id: 'getRequest',
      summary: 'State, timeline, attempts, cost and response of a request',
      params: { id: '`req_…`, from the `x-request-id` header of its response.' },
      answers: ok(request),
    },
    {
      routes: ['GET /v1/requests/:id/stream'],
      id: 'getRequestStream',
      summary: 'The response of a request, from the start or after an event',
      description: 'In the protocol of the request: its events, or the body if it was not streamed.',
      headers: ['last-event-id'],
      answers: {
        200: {
          description: 'The response.',
          content: {
            [EVENTS_TYPE]: { bytes: 'Server-sent events of the protocol.' },
            [JSON_TYPE]: named('AnyAnswer', z.unknown()),
          },
          headers: ANSWER_HEADERS,
        },
      },
      failures: INFERENCE_FAILURES,
    },
    {
      routes: ['POST /v1/requests/:id/cancel'],
      id: 'cancelRequest',
      summary: 'Cancels a request; the response has its cost',
      answers: ok(request),
    },
  ],
);

const item = named('Item', z.looseObject({ id: z.string(), type: z.string() }));
const items = named('ItemList', listOf(item));

const NO_RESPONSE = ['response_not_found'] as const;
const NO_ITEM = ['conversation_not_found'] as const;

export const responseOperations: readonly Operation[] = group(
  { tag: 'responses', access: 'client', errors: ['openai'] },
  [
    {
      routes: under(OPENAI_PREFIXES, 'GET', '/responses/:id'),
      id: 'getResponse',
      summary: 'A response, or its stream from the beginning',
      query: retrieveQuery,
      answers: {
        200: { description: 'The response.', content: { [JSON_TYPE]: response, [EVENTS_TYPE]: responseEvents } },
      },
      failures: NO_RESPONSE,
    },
    {
      routes: under(OPENAI_PREFIXES, 'DELETE', '/responses/:id'),
      id: 'deleteResponse',
      summary: 'Deletes a response',
      answers: ok(
        named('ResponseDeleted', z.object({ id: z.string(), object: z.literal('response'), deleted: z.literal(true) })),
      ),
      failures: NO_RESPONSE,
    },
    {
      routes: under(OPENAI_PREFIXES, 'POST', '/responses/:id/cancel'),
      id: 'cancelResponse',
      summary: 'Cancels a background response',
      answers: ok(response),
      failures: [...NO_RESPONSE, 'request_invalid'],
    },
    {
      routes: under(OPENAI_PREFIXES, 'GET', '/responses/:id/input_items'),
      id: 'listInputItems',
      summary: 'The input items of a response',
      query: pageQuery,
      answers: ok(items),
      failures: NO_RESPONSE,
    },
  ],
);

const conversation = named(
  'Conversation',
  z.object({
    id: z.string(),
    object: z.literal('conversation'),
    created_at: unixSeconds,
    metadata: z.record(z.string(), z.string()),
  }),
);

export const conversationOperations: readonly Operation[] = group(
  { tag: 'conversations', access: 'client', errors: ['openai'] },
  [
    {
      routes: under(OPENAI_PREFIXES, 'POST', '/conversations'),
      id: 'createConversation',
      summary: 'Creates a conversation',
      body: { content: json(named('NewConversation', newConversation)), isOptional: true },
      answers: ok(conversation),
    },
    {
      routes: under(OPENAI_PREFIXES, 'GET', '/conversations/:id'),
      id: 'getConversation',
      summary: 'A conversation',
      answers: ok(conversation),
      failures: NO_ITEM,
    },
    {
      routes: under(OPENAI_PREFIXES, 'POST', '/conversations/:id'),
      id: 'updateConversation',
      summary: 'Changes its metadata',
      body: { content: json(named('ConversationChange', conversationChange)) },
      answers: ok(conversation),
      failures: NO_ITEM,
    },
    {
      routes: under(OPENAI_PREFIXES, 'DELETE', '/conversations/:id'),
      id: 'deleteConversation',
      summary: 'Deletes a conversation and its items',
      answers: ok(
        named(
          'ConversationDeleted',
          z.object({ id: z.string(), object: z.literal('conversation.deleted'), deleted: z.literal(true) }),
        ),
      ),
      failures: NO_ITEM,
    },
    {
      routes: under(OPENAI_PREFIXES, 'POST', '/conversations/:id/items'),
      id: 'createItems',
      summary: 'Appends items',
      body: { content: json(named('NewItems', newItems)) },
      query: includeQuery,
      answers: ok(items),
      failures: NO_ITEM,
    },
    {
      routes: under(OPENAI_PREFIXES, 'GET', '/conversations/:id/items'),
      id: 'listItems',
      summary: 'Its items',
      query: pageQuery,
      answers: ok(items),
      failures: NO_ITEM,
    },
    {
      routes: under(OPENAI_PREFIXES, 'GET', '/conversations/:id/items/:itemId'),
      id: 'getItem',
      summary: 'One of its items',
      query: includeQuery,
      answers: ok(item),
      failures: NO_ITEM,
    },
    {
      routes: under(OPENAI_PREFIXES, 'DELETE', '/conversations/:id/items/:itemId'),
      id: 'deleteItem',
      summary: 'Deletes one of its items',
      answers: ok(conversation),
      failures: NO_ITEM,
    },
  ],
);
