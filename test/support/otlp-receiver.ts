// Receives what OpenTelemetry's exporters send (OTLP over HTTP, protobuf), or what a collector passes on (JSON). Protobuf is
// read by the field numbers of opentelemetry-proto 1.x, without the exporters' own code, so that the output is checked
// independently.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

type Value = string | number | boolean | null;

export interface ReceivedSpan {
  name: string;
  traceId: string;
  spanId: string;
  /** Empty for the root. */
  parentId: string;
  /** 1 internal, 2 server, 3 client, 4 producer. */
  kind: number;
  startMs: number;
  endMs: number;
  attributes: Record<string, Value>;
  /** Trace ids. */
  links: string[];
  isError: boolean;
  service: string;
}

export interface OtlpReceiver {
  url: string;
  spans: ReceivedSpan[];
  metrics: Set<string>;
  /** Of resources, by service. */
  resources: Map<string, Record<string, Value>>;
  /** Everything received, unchanged. */
  bytes(): Buffer;
  close(): Promise<void>;
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const metrics = new Set<string>();
  const resources = new Map<string, Record<string, Value>>();
  const bodies: Buffer[] = [];
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const sent = Buffer.concat(pieces);
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
    bodies.push(body);
    const isJson = request.headers['content-type'] === 'application/json';
    const groups = isJson ? jsonGroups(body) : protobufGroups(body, request.url!.endsWith('/traces'));
    for (const { resource, found, names } of groups) {
      resources.set(String(resource['service.name']), resource);
      spans.push(...found.map((span) => ({ ...span, service: String(resource['service.name']) })));
      for (const name of names) metrics.add(name);
    }
    response.writeHead(200, { 'content-type': request.headers['content-type'] }).end(isJson ? '{}' : '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    metrics,
    resources,
    bytes: () => Buffer.concat(bodies),
    close: () => closeServer(server),
  };
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

interface Group {
  resource: Record<string, Value>;
  found: Omit<ReceivedSpan, 'service'>[];
  names: string[];
}

type Field = number | bigint | Buffer;
type Message = Map<number, Field[]>;

/** Varints, fixed numbers and bytes, by field number. */
function readMessage(bytes: Buffer): Message {
  const message: Message = new Map();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    let value: Field;
    if ((tag & 7) === 0) value = varint();
    else if ((tag & 7) === 1) {
      value = bytes.readBigUInt64LE(at);
      at += 8;
    } else if ((tag & 7) === 5) {
      value = bytes.readUInt32LE(at);
      at += 4;
    } else {
      const length = Number(varint());
      value = bytes.subarray(at, at + length);
      at += length;
    }
    message.set(tag >> 3, [...(message.get(tag >> 3) ?? []), value]);
  }
  return message;
}

const all = (message: Message, field: number) =>
  (message.get(field) ?? []).map((bytes) => readMessage(bytes as Buffer));
const text = (message: Message, field: number) => ((message.get(field)?.[0] as Buffer) ?? Buffer.alloc(0)).toString();
const hex = (message: Message, field: number) =>
  ((message.get(field)?.[0] as Buffer) ?? Buffer.alloc(0)).toString('hex');
const milliseconds = (nanoseconds: bigint) => Number(nanoseconds / 1_000n) / 1_000;

function attributesIn(message: Message, field: number): Record<string, Value> {
  return Object.fromEntries(
    all(message, field).map((pair) => [text(pair, 1), readValue(readMessage(pair.get(2)![0] as Buffer))]),
  );
}

function readValue(value: Message): Value {
  if (value.has(1)) return text(value, 1);
  if (value.has(2)) return value.get(2)![0] === 1n;
  if (value.has(3)) return Number(BigInt.asIntN(64, value.get(3)![0] as bigint));
  if (!value.has(4)) return null;
  const bits = Buffer.alloc(8);
  bits.writeBigUInt64LE(value.get(4)![0] as bigint);
  return bits.readDoubleLE();
}

function protobufGroups(body: Buffer, isTraces: boolean): Group[] {
  return all(readMessage(body), 1).map((group) => {
    const [resource] = all(group, 1);
    const items = all(group, 2).flatMap((scope) => all(scope, 2));
    return {
      resource: resource === undefined ? {} : attributesIn(resource, 1),
      found: isTraces ? items.map(spanOf) : [],
      names: isTraces ? [] : items.map((metric) => text(metric, 1)),
    };
  });
}

function spanOf(span: Message): Omit<ReceivedSpan, 'service'> {
  const [status] = all(span, 15);
  return {
    traceId: hex(span, 1),
    spanId: hex(span, 2),
    parentId: hex(span, 4),
    name: text(span, 5),
    kind: Number(span.get(6)?.[0] ?? 0),
    startMs: milliseconds(span.get(7)![0] as bigint),
    endMs: milliseconds(span.get(8)![0] as bigint),
    attributes: attributesIn(span, 9),
    links: all(span, 13).map((link) => hex(link, 1)),
    isError: status?.get(3)?.[0] === 2n,
  };
}

interface JsonAttribute {
  key: string;
  value: { stringValue?: string; intValue?: string; doubleValue?: number; boolValue?: boolean };
}
interface JsonSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: JsonAttribute[];
  links?: { traceId: string }[];
  status?: { code?: number };
}
interface JsonGroup {
  resource: { attributes?: JsonAttribute[] };
  scopeSpans?: { spans: JsonSpan[] }[];
  scopeMetrics?: { metrics: { name: string }[] }[];
}

function jsonGroups(body: Buffer): Group[] {
  const { resourceSpans = [], resourceMetrics = [] } = JSON.parse(body.toString()) as Record<string, JsonGroup[]>;
  return [...resourceSpans, ...resourceMetrics].map(({ resource, scopeSpans = [], scopeMetrics = [] }) => ({
    resource: jsonAttributes(resource.attributes),
    found: scopeSpans.flatMap(({ spans }) => spans.map(jsonSpan)),
    names: scopeMetrics.flatMap(({ metrics }) => metrics.map(({ name }) => name)),
  }));
}

function jsonAttributes(attributes: JsonAttribute[] = []): Record<string, Value> {
  return Object.fromEntries(
    attributes.map(({ key, value: { stringValue, intValue, doubleValue, boolValue } }) => [
      key,
      stringValue ?? boolValue ?? doubleValue ?? (intValue === undefined ? null : Number(intValue)),
    ]),
  );
}

function jsonSpan(span: JsonSpan): Omit<ReceivedSpan, 'service'> {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentId: span.parentSpanId ?? '',
    name: span.name,
    kind: span.kind,
    startMs: milliseconds(BigInt(span.startTimeUnixNano)),
    endMs: milliseconds(BigInt(span.endTimeUnixNano)),
    attributes: jsonAttributes(span.attributes),
    links: (span.links ?? []).map(({ traceId }) => traceId),
    isError: span.status?.code === 2,
  };
}
