// Every protocol the broker speaks. Adding one is a folder, a fixture file, and a line here.
import { openaiChatClient, openaiChatPassThrough, openaiChatVendor } from './openai-chat/protocol.ts';
import type { ClientProtocol, Translation, VendorProtocol } from './protocol.ts';

const CLIENTS: readonly ClientProtocol[] = [openaiChatClient];

/** How a request in one client protocol can be sent in a vendor's. */
export interface ProtocolRoute {
  vendor: VendorProtocol;
  translation: Translation;
}

const ROUTES: Readonly<Record<string, Readonly<Record<string, ProtocolRoute>>>> = {
  'openai-chat': { 'openai-chat': { vendor: openaiChatVendor, translation: openaiChatPassThrough } },
};

export function clientProtocol(name: string): ClientProtocol {
  const found = CLIENTS.find((protocol) => protocol.name === name);
  if (found === undefined) throw new Error(`no client protocol ${name}`);
  return found;
}

/** Pass-through where the provider speaks the client's protocol, else by the first of its protocols; null for neither. */
export function findProtocolRoute(client: string, providerProtocols: readonly string[]): ProtocolRoute | null {
  const routes = ROUTES[client] ?? {};
  const name = providerProtocols.includes(client)
    ? client
    : providerProtocols.find((other) => routes[other] !== undefined);
  return name === undefined ? null : (routes[name] ?? null);
}
