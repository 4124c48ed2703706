// YAML text (JSON is YAML) as a document whose every node has its line. What YAML allows but a configuration cannot mean is a
// fault of its own, since it would otherwise be lost on the way to plain objects, or end the process with a stack trace.
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
  type YAMLError,
} from 'yaml';

export interface SourceFault {
  /** 1-based; null if the fault has no place in the text. */
  line: number | null;
  message: string;
}

export type Variables = Readonly<Record<string, string | undefined>>;

export interface YamlSource {
  faults: SourceFault[];
  /** Plain objects; undefined if the text cannot be read at all. */
  value: unknown;
  /** Line of the deepest part of the path that exists; that of its key, if it has one. Parts may be joined by dots. */
  lineOf(path: readonly PropertyKey[] | string): number | null;
}

/** Expands `${NAME}` and `${NAME:-default}` in every text, unless `variables` is null. Never throws. */
export function readYaml(text: string, variables: Variables | null): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const lineAt = (offset: number | undefined) => (offset === undefined ? null : lines.linePos(offset).line);
  const lineOf: YamlSource['lineOf'] = (path) =>
    lineAt(offsetOf(document, typeof path === 'string' ? partsOf(document.contents, path) : path));
  const unreadable = document.errors.map((error) => ({ line: lineAt(error.pos[0]), message: messageOf(error) }));
  if (unreadable.length > 0) return { faults: unreadable, value: undefined, lineOf };
  const meaningless = faultsOfNodes(document, lineAt);
  if (meaningless.length > 0) return { faults: meaningless, value: undefined, lineOf };
  const faults = variables === null ? [] : expandVariables(document, variables, lineAt);
  try {
    if (expandedSize(document) > MAX_EXPANDED_NODES) {
      const line = lineAt(firstAlias(document)?.range?.[0]);
      return { faults: [{ line, message: 'its aliases (*name) expand to too many values' }], value: undefined, lineOf };
    }
    // The reader's own bound counts the uses of an anchor, of which a long file may have hundreds, not what they expand to.
    return { faults, value: document.toJS({ maxAliasCount: -1 }), lineOf };
  } catch {
    // Nothing but the stack can end here: a long chain of merges is followed by calls within calls.
    return { faults: [{ line: null, message: 'nested too deeply' }], value: undefined, lineOf };
  }
}

/** Aliases of lists of aliases grow beyond any memory in a few lines; no file that a person wrote comes near this. */
const MAX_EXPANDED_NODES = 1_000_000;

/** Nodes of the document with every alias replaced by what it stands for; Infinity beyond all numbers. No alias may be inside of its target. */
function expandedSize(document: Document): number {
  const anchored = new Map<string, unknown>();
  const sizes = new Map<unknown, number>();
  const sizeOf = (node: unknown): number => {
    if (isAlias(node)) return sizes.get(anchored.get(node.source)) ?? 1;
    if (isPair(node)) return sizeOf(node.key) + sizeOf(node.value);
    // An alias means the last such anchor that begins before it.
    const anchor = isMap(node) || isSeq(node) || isScalar(node) ? node.anchor : undefined;
    if (anchor !== undefined) anchored.set(anchor, node);
    let size = 1;
    if (isMap(node) || isSeq(node)) for (const item of node.items) size += sizeOf(item);
    if (anchor !== undefined) sizes.set(node, size);
    return size;
  };
  return sizeOf(document.contents);
}

function messageOf({ code, message }: YAMLError): string {
  if (code === 'MULTIPLE_DOCS')
    return 'only one document is allowed: remove this line and what follows, or the line ---';
  if (/call stack/.test(message)) return 'nested too deeply';
  // The part of the file that it quotes may be a secret.
  return message.replace(/: ".*"$/s, '');
}

/** Tags that name what a value is anyway. */
const PLAIN_TAG = /^(tag:yaml\.org,2002:(str|int|float|bool|null|map|seq|merge)|!)$/;

function faultsOfNodes(document: Document, lineAt: (offset: number | undefined) => number | null): SourceFault[] {
  const faults: SourceFault[] = [];
  const fault = (node: unknown, message: string) =>
    faults.push({ line: isNode(node) ? lineAt(node.range?.[0]) : null, message });
  visit(document, {
    Node(_key, node) {
      const { tag } = node as { tag?: string };
      if (tag === undefined || PLAIN_TAG.test(tag)) return;
      const name = tag.replace('tag:yaml.org,2002:', '!!');
      fault(node, `the tag ${name} is not supported; for an environment variable write \${NAME}`);
    },
    Alias(_key, node, path) {
      const target = node.resolve(document);
      if (target === undefined) fault(node, `no anchor &${node.source} stands before this alias`);
      else if (path.includes(target)) fault(node, `the alias *${node.source} is inside of what it stands for`);
    },
    Pair(_key, { key, value }: Pair) {
      const place = isNode(key) ? key : value;
      if (isAlias(key)) fault(place, 'a name cannot be an alias');
      else if (!isScalar(key) || key.value === null || typeof key.value === 'object')
        fault(place, 'a name must be a text');
      else if (isMerge(key) && !isMergeable(value, document)) fault(place, '<< must be followed by an alias of a map');
      else if (key.value === '__proto__') fault(place, '__proto__ is not a possible name');
    },
  });
  return faults;
}

/** The reader makes a symbol of it. */
function isMerge({ value }: Scalar): boolean {
  return typeof value === 'symbol' || value === '<<';
}

/** A map or a list of maps. A list in a list is none, and could be the list itself. */
function isMergeable(value: unknown, document: Document): boolean {
  const resolved = (node: unknown) => (isAlias(node) ? node.resolve(document) : node);
  const target = resolved(value);
  return isMap(target) || (isSeq(target) && target.items.every((item) => isMap(resolved(item))));
}

const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}$]*))?\}/g;

/** A variable that is not set is a fault, not an empty text. */
function expandVariables(
  document: Document,
  variables: Variables,
  lineAt: (offset: number | undefined) => number | null,
): SourceFault[] {
  const faults: SourceFault[] = [];
  const fault = (node: Scalar, message: string) => faults.push({ line: lineAt(node.range?.[0]), message });
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value !== 'string') return;
      if (node.value.replace(VARIABLE, '').includes('${')) {
        fault(node, '"${" does not begin a variable: write ${NAME} or ${NAME:-default}, with a plain text as default');
      }
      node.value = node.value.replace(VARIABLE, (_match, name: string, fallback: string | undefined) => {
        const value = variables[name] || fallback;
        if (value === undefined) fault(node, `environment variable ${name} is not set`);
        return value ?? '';
      });
    },
  });
  return faults;
}

function firstAlias(document: Document): Alias | undefined {
  let first: Alias | undefined;
  visit(document, {
    Alias(_key, node) {
      first = node;
      return visit.BREAK;
    },
  });
  return first;
}

function offsetOf(document: Document, path: readonly PropertyKey[]): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const parent = document.getIn(path.slice(0, length - 1), true);
    const name = String(path[length - 1]);
    const pair = isMap(parent)
      ? parent.items.find(({ key }) => isScalar(key) && String(key.value) === name)
      : undefined;
    const node = pair === undefined ? document.getIn(path.slice(0, length), true) : pair.key;
    if (isNode(node) && node.range) return node.range[0];
  }
  return document.contents?.range?.[0];
}

/** The parts of a path that was joined by dots: names may have dots themselves, and the longest one that exists is meant. */
function partsOf(root: unknown, path: string): PropertyKey[] {
  if (path === '') return [];
  if (isMap(root)) {
    const names = root.items.flatMap(({ key }) => (isScalar(key) ? String(key.value) : []));
    const fitting = names.filter((name) => path === name || path.startsWith(`${name}.`));
    const name = fitting.sort((a, b) => b.length - a.length)[0];
    if (name !== undefined) return [name, ...partsOf(root.get(name, true), path.slice(name.length + 1))];
  }
  const [first = '', ...rest] = path.split('.');
  const index = /^\d+$/.test(first) ? Number(first) : first;
  const child = typeof index === 'number' && root !== null ? childAt(root, index) : undefined;
  return [index, ...partsOf(child, rest.join('.'))];
}

function childAt(node: unknown, index: number): unknown {
  return (node as { get?: (key: number, keepScalar: boolean) => unknown } | undefined)?.get?.(index, true);
}
