// Call any model in any protocol, as a client would: shows the answer as it streams, its cost, and the code for it.

import { useEffect, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { get, may, send } from '../api/client.ts';
import { useQuery } from '../api/query.ts';
import { hasAttempts } from '../api/request.ts';
import type { ApiKey, RequestDetail } from '../api/types.ts';
import { tell, withheld } from '../parts/actions.tsx';
import { Area, Check, CopyButton, Field, Page, Panel, Select, Tabs, Text, Trouble } from '../parts/panel.tsx';
import { curlOf, javascriptOf, PROTOCOLS, type Protocol, pathOf, pythonOf } from '../parts/snippets.ts';
import { type Answer, AnswerReader, NO_ANSWER } from '../playground/answer.ts';
import { AnswerPanel, NO_RUN, type Run } from '../playground/answer-panel.tsx';
import { type Draft, requestOf } from '../playground/draft.ts';

const MAX_IMAGE_BYTES = 8 * 1024 * 1024;

export default function PlaygroundPage() {
  const { query } = useLocation();
  const known = useQuery<{ data: ApiKey[] }>('/keys');
  const keys = (known.data?.data ?? []).filter((key) => key.revoked_at === null);
  const [draft, setDraft] = useState<Draft>({
    protocol: 'openai-chat',
    model: query.model ?? '',
    keyId: query.key ?? '',
    system: '',
    prompt: 'Say hello.',
    images: [],
    tools: '',
    maxTokens: '',
    temperature: '',
    isStream: true,
  });
  const change = (some: Partial<Draft>) => setDraft((before) => ({ ...before, ...some }));
  const keyId = keys.some(({ id }) => id === draft.keyId) ? draft.keyId : (keys.at(-1)?.id ?? '');
  const canAsk = keyId !== '' && may('operator');
  const models =
    useQuery<{ data: { id: string }[] }>(`/as/${keyId}/v1/models`, {}, { isOff: !canAsk }).data?.data ?? [];
  const model = draft.model === '' ? (models[0]?.id ?? '') : draft.model;
  const whole = { ...draft, keyId, model };
  const { run, start, stop } = useRun();
  return (
    <Page title="Playground" changesNeed="operator">
      <div class="play">
        <Panel title="Request">
          <DraftForm
            draft={whole}
            keys={keys}
            lacksKey={known.data !== undefined && keys.length === 0}
            error={known.error}
            models={models.map(({ id }) => id)}
            onChange={change}
            isRunning={run.isRunning}
            onSend={() => void start(whole)}
            onStop={stop}
          />
        </Panel>
        <div class="form">
          <AnswerPanel run={run} />
          <Code draft={whole} />
        </div>
      </div>
    </Page>
  );
}

function useRun() {
  const [run, setRun] = useState(NO_RUN);
  const aborter = useRef<AbortController | null>(null);
  useEffect(() => () => aborter.current?.abort(), []);

  const start = async (draft: Draft) => {
    aborter.current?.abort();
    const own = new AbortController();
    aborter.current = own;
    setRun({ ...NO_RUN, isRunning: true });
    const startedAt = performance.now();
    const update = (some: Partial<Run>) => aborter.current === own && setRun((before) => ({ ...before, ...some }));
    try {
      const body = JSON.stringify(requestOf(draft));
      const path = `/as/${draft.keyId}${pathOf(draft.protocol, draft.model, draft.isStream)}`;
      const answer = await send('POST', path, {
        body,
        headers: { 'content-type': 'application/json' },
        signal: own.signal,
      });
      update({ status: answer.status, headers: Object.fromEntries(answer.headers) });
      await readAnswer(
        draft.protocol,
        answer,
        (read) => update({ answer: read }),
        () => update({ firstMs: performance.now() - startedAt }),
      );
      update({ tookMs: performance.now() - startedAt });
      update({ request: await booked(answer.headers.get('x-request-id')) });
    } catch (error) {
      if (!own.signal.aborted)
        update({ answer: { ...NO_ANSWER, error: (error as Error).message }, tookMs: performance.now() - startedAt });
    } finally {
      update({ isRunning: false });
    }
  };
  const stop = () => {
    aborter.current?.abort();
    setRun((before) => ({ ...before, isRunning: false }));
  };
  return { run, start, stop };
}

async function readAnswer(
  protocol: Protocol,
  answer: Response,
  onRead: (answer: Answer) => void,
  onFirst: () => void,
): Promise<void> {
  const reader = new AnswerReader(protocol);
  const isStream = answer.headers.get('content-type')?.includes('event-stream') ?? false;
  if (!isStream) {
    const text = await answer.text();
    onFirst();
    onRead(reader.readWhole(text));
    return;
  }
  let isFirst = true;
  for await (const piece of pieces(answer.body!.pipeThrough(new TextDecoderStream()))) {
    const read = reader.readPiece(piece);
    if (isFirst && (read.text !== '' || read.thoughts !== '')) {
      isFirst = false;
      onFirst();
    }
    onRead(read);
  }
}

async function* pieces(stream: ReadableStream<string>): AsyncGenerator<string> {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

const BOOKED_TRIES = 20;
const BOOKED_EVERY_MS = 150;

/** The ledger has the request a fraction of a second after its end. */
async function booked(id: string | null): Promise<RequestDetail | null> {
  for (let tries = 0; id !== null && tries < BOOKED_TRIES; tries++) {
    const request = await get<RequestDetail>(`/requests/${id}`).catch(() => null);
    if (request !== null && request.finished_at !== null && hasAttempts(request)) return request;
    await new Promise((resolve) => setTimeout(resolve, BOOKED_EVERY_MS));
  }
  return null;
}

interface DraftFormProps {
  draft: Draft;
  keys: readonly ApiKey[];
  /** There is none, which is known. */
  lacksKey: boolean;
  /** Why the keys are not known. */
  error: Error | null;
  models: readonly string[];
  onChange: (some: Partial<Draft>) => void;
  isRunning: boolean;
  onSend: () => void;
  onStop: () => void;
}

function DraftForm({ draft, keys, lacksKey, error, models, onChange, isRunning, onSend, onStop }: DraftFormProps) {
  const submit = (event: Event) => {
    event.preventDefault();
    if (!isRunning) onSend();
  };
  const field = (name: 'system' | 'prompt' | 'tools' | 'maxTokens' | 'temperature') => ({
    value: draft[name],
    onChange: (value: string) => onChange({ [name]: value }),
  });
  return (
    <form class="form" onSubmit={submit}>
      <div class="row">
        <Select
          label="Protocol"
          value={draft.protocol}
          onChange={(protocol) => onChange({ protocol: protocol as Protocol })}
          choices={PROTOCOLS}
        />
        <Select
          label="As this key"
          value={draft.keyId}
          onChange={(keyId) => onChange({ keyId })}
          choices={keys.map((key) => [key.id, key.name] as const)}
        />
      </div>
      <Text label="Model" value={draft.model} onChange={(model) => onChange({ model })} list="models" required />
      <datalist id="models">
        {models.map((model) => (
          <option key={model} value={model} />
        ))}
      </datalist>
      <Area label="System" rows={2} {...field('system')} />
      <Area label="Prompt" rows={6} {...field('prompt')} />
      <Images images={draft.images} onChange={(images) => onChange({ images })} />
      <details>
        <summary>Tools and settings</summary>
        <div class="form" style={{ paddingTop: '10px' }}>
          <Area label='Tools, as JSON: [{"name": …, "parameters": {…}}]' rows={4} {...field('tools')} />
          <div class="row">
            <Text label="Max output tokens" type="number" min={1} {...field('maxTokens')} />
            <Text label="Temperature" inputMode="decimal" {...field('temperature')} />
          </div>
        </div>
      </details>
      <div class="actions">
        <Check label="Streamed" value={draft.isStream} onChange={(isStream) => onChange({ isStream })} />
        {isRunning ? (
          <button type="button" class="button danger" onClick={onStop}>
            Stop
          </button>
        ) : (
          <button type="submit" class="button main" disabled={draft.keyId === ''} {...withheld('operator')}>
            Send
          </button>
        )}
      </div>
      {error === null ? null : <Trouble error={error} />}
      {lacksKey ? <p class="muted">Every request needs a key: create one in Keys first.</p> : null}
    </form>
  );
}

function Images({ images, onChange }: { images: readonly string[]; onChange: (images: string[]) => void }) {
  const add = async (files: FileList | null) => {
    const chosen = [...(files ?? [])];
    const large = chosen.find(({ size }) => size > MAX_IMAGE_BYTES);
    if (large !== undefined) tell(`${large.name} is larger than 8 MB.`);
    const small = chosen.filter(({ size }) => size <= MAX_IMAGE_BYTES);
    onChange([...images, ...(await Promise.all(small.map(dataUrlOf)))]);
  };
  return (
    <div class="form">
      <Field label="Images">
        <input type="file" accept="image/*" multiple onChange={(event) => void add(event.currentTarget.files)} />
      </Field>
      {images.length === 0 ? null : (
        <div class="thumbs">
          {images.map((url, index) => (
            <button
              key={url}
              type="button"
              class="button plain"
              aria-label={`Remove image ${index + 1}`}
              onClick={() => onChange(images.filter((_, at) => at !== index))}
            >
              <img src={url} alt="" />
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

function dataUrlOf(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error ?? new Error(`${file.name} could not be read`));
    reader.readAsDataURL(file);
  });
}

function Code({ draft }: { draft: Draft }) {
  const [language, setLanguage] = useState('curl');
  const text = codeOf(draft, language);
  const tabs = (
    <>
      <Tabs
        label="Language"
        value={language}
        onChange={setLanguage}
        choices={[
          ['curl', 'curl'],
          ['python', 'Python'],
          ['javascript', 'JavaScript'],
        ]}
      />
      <CopyButton text={() => text} />
    </>
  );
  return (
    <Panel title="Code" more={tabs}>
      <pre class="text" tabIndex={0}>
        {text}
      </pre>
    </Panel>
  );
}

function codeOf(draft: Draft, language: string): string {
  try {
    const body = requestOf(draft);
    if (language === 'python') return pythonOf(draft.protocol, draft.model, body, draft.isStream);
    if (language === 'javascript') return javascriptOf(draft.protocol, draft.model, body, draft.isStream);
    return curlOf(draft.protocol, draft.model, body, draft.isStream);
  } catch (error) {
    return `The tools are not JSON: ${(error as Error).message}`;
  }
}
