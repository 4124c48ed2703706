// Maps tool names to names that a provider accepts, and back: a call in the answer gets the name and group that the client
// knows. One instance per call to a provider, derived from the request alone, so that a conversation always gets the same names.
import { createHash } from 'node:crypto';
import type { Answer, AnswerEvent } from '#src/contracts/answer.ts';
import { isFailure } from '#src/contracts/failure.ts';
import type { Part, ToolName } from '#src/contracts/inference-request.ts';
import { fits, type IdentifierBounds, type ProviderBounds } from '../bounds/provider-bounds.ts';
import type { AnswerDecoder, ProviderCodec, Received } from '../codec.ts';

const HASH_CHARS = 8;

export class ToolNames {
  readonly #bounds: ProviderBounds;
  /** By group and name: the name on the wire. */
  readonly #wire = new Map<string, string>();
  readonly #original = new Map<string, ToolName>();

  /** Names that fit are assigned first, so that they stay unchanged. */
  constructor(bounds: ProviderBounds, tools: readonly ToolName[]) {
    this.#bounds = bounds;
    for (const tool of tools) if (this.#isTaken(tool)) this.#assign(tool, tool.name);
    for (const tool of tools) if (!this.#wire.has(keyOf(tool))) this.#assign(tool, this.#fit(tool));
  }

  /** Whether no name was changed. */
  get areTheirOwn(): boolean {
    return [...this.#original].every(([wire, { name, namespace }]) => wire === name && namespace === undefined);
  }

  toWire<T extends ToolName>(tool: T): T {
    const { namespace: _, ...rest } = tool;
    const name = this.#wire.get(keyOf(tool)) ?? tool.name;
    return (this.#bounds.hasNamespaces ? { ...tool, name } : { ...rest, name }) as T;
  }

  /** A name that was not sent was invented by the model, and is kept. */
  toClient<T extends ToolName>(tool: T): T {
    if (tool.namespace !== undefined) return tool;
    const original = this.#original.get(tool.name);
    return original === undefined ? tool : { ...tool, ...original };
  }

  #isTaken({ name, namespace }: ToolName): boolean {
    return fits(name, this.#bounds.toolName) && (namespace === undefined || this.#bounds.hasNamespaces);
  }

  #assign(tool: ToolName, wire: string): void {
    const { name, namespace } = tool;
    this.#wire.set(keyOf(tool), wire);
    // A provider with groups returns the group itself.
    if (this.#bounds.hasNamespaces && namespace !== undefined) return;
    this.#original.set(wire, namespace === undefined ? { name } : { name, namespace });
  }

  #fit(tool: ToolName): string {
    const wanted = tool.namespace === undefined ? tool.name : joinNames(tool.namespace, tool.name);
    if (fits(wanted, this.#bounds.toolName) && !this.#original.has(wanted)) return wanted;
    const plain = withoutStrange(wanted, this.#bounds.toolName);
    if (plain === wanted || plain.length > this.#bounds.toolName.maxChars || this.#original.has(plain)) {
      return withHash(plain, keyOf(tool), this.#bounds.toolName);
    }
    return plain;
  }
}

/** Joins group and name in the form that models know; a group may already end in the separator. */
function joinNames(namespace: string, name: string): string {
  return namespace.endsWith('__') ? namespace + name : `${namespace}__${name}`;
}

export function includesTool(tools: readonly ToolName[], tool: ToolName): boolean {
  return tools.some((other) => keyOf(other) === keyOf(tool));
}

function keyOf({ name, namespace }: ToolName): string {
  return `${namespace ?? ''}\u0000${name}`;
}

/** A call id that the provider accepts; the same original gives the same id, on the call and on its result. */
export function fitCallId(id: string, bounds: IdentifierBounds): string {
  if (fits(id, bounds)) return id;
  return withHash(bounds.exactChars === undefined ? withoutStrange(id, bounds) : '', id, bounds);
}

function withoutStrange(text: string, { strange, first }: IdentifierBounds): string {
  const plain = text.replace(strange, '_');
  return first === undefined || first.test(plain) ? plain : `_${plain}`;
}

/** As much of the text as fits, followed by a hash of the original that makes it unique. */
function withHash(plain: string, key: string, { maxChars, exactChars }: IdentifierBounds): string {
  const hash = createHash('sha256').update(key).digest('hex');
  if (exactChars !== undefined) return hash.slice(0, exactChars);
  return `${plain.slice(0, maxChars - HASH_CHARS - 1)}_${hash.slice(0, HASH_CHARS)}`;
}

/** A provider's codec whose answers name tools as the client does. */
export function withNames(upstream: ProviderCodec, names: ToolNames): ProviderCodec {
  if (names.areTheirOwn) return upstream;
  return {
    ...upstream,
    decodeAnswer(body, context) {
      const answer = upstream.decodeAnswer(body, context);
      return isFailure(answer) ? answer : restoreAnswer(answer, names);
    },
    openDecoder: (context) => new RestoringDecoder(upstream.openDecoder(context), names),
  };
}

function restoreAnswer(answer: Answer, names: ToolNames): Answer {
  const restored = (part: Part): Part => (part.kind === 'tool-call' ? names.toClient(part) : part);
  return { ...answer, choices: answer.choices.map((choice) => ({ ...choice, parts: choice.parts.map(restored) })) };
}

class RestoringDecoder implements AnswerDecoder {
  readonly #decoder: AnswerDecoder;
  readonly #names: ToolNames;

  constructor(decoder: AnswerDecoder, names: ToolNames) {
    this.#decoder = decoder;
    this.#names = names;
  }

  get heldFinishes(): number {
    return this.#decoder.heldFinishes ?? 0;
  }

  get received(): Received | undefined {
    return this.#decoder.received;
  }

  decode(event: Parameters<AnswerDecoder['decode']>[0]): AnswerEvent[] {
    return this.#decoder.decode(event).map((decoded) => this.#restore(decoded));
  }

  close(): AnswerEvent[] {
    return this.#decoder.close().map((decoded) => this.#restore(decoded));
  }

  #restore(event: AnswerEvent): AnswerEvent {
    if (event.kind !== 'part-start' || event.start.kind !== 'tool-call') return event;
    return { ...event, start: this.#names.toClient(event.start) };
  }
}
