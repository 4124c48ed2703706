// Conversations: items that outlive their responses. A response that names a conversation gets its items as input, and adds its
// own items to it when it has ended.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { checkBodyNames } from '../../protocols/bounds/request-names.ts';
import { openaiResponsesClient } from '../../protocols/openai-responses/protocol.ts';
import type { Conversation } from '../../responses/conversations.ts';
import { describeItem, describePage, pageQuery } from '../../responses/items.ts';
import { authenticate, readSecret } from '../admit/authenticate.ts';
import { checkInput } from '../admit/check-input.ts';
import { rethrow } from '../admit/dispatch.ts';
import { isGiven, readExactBody } from '../admit/read-body.ts';
import { expectConversation } from '../admit/remember.ts';
import { whenWritten } from '../admit/take-conversation.ts';
import type { ApiContext } from '../context.ts';
import { OPENAI_PREFIXES } from '../request-target.ts';

type ById = { Params: { id: string } };
type ByItem = { Params: { id: string; itemId: string } };

/** As OpenAI limits them (npm openai 7.55.0, `resources/conversations`). */
const MAX_ITEMS = 20;

const metadata = z.record(z.string().max(64), z.string().max(512)).nullish();
const items = z.array(z.looseObject({})).max(MAX_ITEMS);
export const newConversation = z.looseObject({ items: items.nullish(), metadata });
export const conversationChange = z.looseObject({ metadata });
export const newItems = z.looseObject({ items });

export function registerConversations(app: FastifyInstance, context: ApiContext): void {
  const { conversations } = context;
  const config = { client: openaiResponsesClient };
  const onRequest = async (request: FastifyRequest) => {
    request.apiKey = await authenticate(readSecret(request, openaiResponsesClient), context.keys);
  };
  const options = { config, onRequest };
  const find = ({ params, apiKey }: FastifyRequest<ById>) => expectConversation(context, apiKey!.id, params.id);
  /** Including the items of every response that has ended. */
  const findWritten = async (request: FastifyRequest<ById>) => {
    const conversation = await find(request);
    await whenWritten(context, conversation.id);
    return conversation;
  };

  for (const prefix of OPENAI_PREFIXES) {
    const path = `${prefix}/conversations`;

    app.post(path, options, async (request) => {
      const wanted = checkNamed(newConversation, isGiven(request.body) ? await readExactBody(request.body) : {});
      const { id: keyId } = request.apiKey!;
      return describe(await conversations.create(keyId, wanted.metadata ?? {}, wanted.items ?? []).catch(rethrow));
    });

    app.get<ById>(`${path}/:id`, options, async (request) => describe(await find(request)));

    app.post<ById>(`${path}/:id`, options, async (request) => {
      const { metadata: wanted } = checkNamed(conversationChange, await readExactBody(request.body));
      const { id } = await find(request);
      const changed = await conversations.update(id, request.apiKey!.id, wanted ?? {}).catch(rethrow);
      return describe(changed ?? (await find(request)));
    });

    app.delete<ById>(`${path}/:id`, options, async (request) => {
      const { id } = await find(request);
      await conversations.delete(id, request.apiKey!.id).catch(rethrow);
      return { id, object: 'conversation.deleted', deleted: true };
    });

    app.post<ById>(`${path}/:id/items`, options, async (request) => {
      const wanted = checkNamed(newItems, await readExactBody(request.body));
      const { id } = await findWritten(request);
      const appended = await conversations.append(id, wanted.items).catch(rethrow);
      return describePage({ items: appended.map((item) => describeItem(item, '')), hasMore: false });
    });

    app.get<ById>(`${path}/:id/items`, options, async (request) => {
      const query = checkInput(pageQuery, request.query);
      const { id } = await findWritten(request);
      const page = await conversations.listItems(id, query).catch(rethrow);
      if (page === null) throw noItem(id, query.after!, 'after');
      return describePage({ ...page, items: page.items.map((item) => describeItem(item, '')) });
    });

    app.get<ByItem>(`${path}/:id/items/:itemId`, options, async (request) => {
      const { id } = await findWritten(request);
      const item = await conversations.findItem(id, request.params.itemId).catch(rethrow);
      if (item === null) throw noItem(id, request.params.itemId, 'item_id');
      return describeItem(item, '');
    });

    app.delete<ByItem>(`${path}/:id/items/:itemId`, options, async (request) => {
      const conversation = await findWritten(request);
      const { itemId } = request.params;
      if (!(await conversations.deleteItem(conversation.id, itemId).catch(rethrow))) {
        throw noItem(conversation.id, itemId, 'item_id');
      }
      return describe(conversation);
    });
  }
}

function checkNamed<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const fault = checkBodyNames('conversations', value);
  if (fault !== null) throw new FailureError(fault);
  return checkInput(schema, value);
}

function describe({ id, metadata: noted, createdAtMs }: Conversation): object {
  return { id, object: 'conversation', created_at: Math.floor(createdAtMs / 1_000), metadata: noted };
}

function noItem(id: string, itemId: string, param: string): FailureError {
  const message = `Item with id '${itemId}' not found in conversation '${id}'.`;
  return new FailureError(createFailure('conversation_not_found', message, { param }));
}
