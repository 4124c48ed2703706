// Whatever two attempts do, in whatever order: the client gets the frames of one of them, all of them, in their order.
import { expect, test } from 'vitest';
import type { ReplyWriter } from '#src/reply/publisher.ts';
import { DecidingGate, type GatedWriter } from '#workers/inference/deciding-gate.ts';

/** Numbers from a seed: a failure names it. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

function recordingWriter() {
  const written: string[] = [];
  let hasAnswered = false;
  const note = (text: string) => {
    hasAnswered = true;
    written.push(text);
  };
  const writer = {
    get hasAnswered() {
      return hasAnswered;
    },
    isReady: true,
    head: ({ headers }: { headers: Record<string, string> }) => note(`head ${headers.by}`),
    event: (bytes: Buffer) => note(String(bytes)),
    whole: ({ headers }: { headers: Record<string, string> }) => note(`whole ${headers.by}`),
    end: (outcome: string) => note(`end ${outcome}`),
  };
  return { written, writer: writer as unknown as ReplyWriter };
}

/** What an attempt does, step by step; after it was ended it does nothing more, as a call that was aborted. */
function attemptSteps(random: () => number): string[] {
  const kind = random();
  if (kind < 0.2) return ['wait', 'fail'];
  if (kind < 0.5) return ['wait', 'whole', 'over'];
  const events = Array.from({ length: 1 + Math.floor(random() * 5) }, (_, index) => `event ${index}`);
  return ['wait', 'head', ...events, ...(random() < 0.2 ? ['fail'] : ['end', 'over'])];
}

test.each(Array.from({ length: 500 }, (_, seed) => seed))('seed %i', (seed) => {
  const random = randomFrom(seed + 1);
  const { written, writer } = recordingWriter();
  const decided: GatedWriter[] = [];
  const gate = new DecidingGate(writer, (winner) => {
    expect(written).toEqual([]);
    decided.push(winner);
  });
  const attempts = ['a', 'b'].map((name) => ({
    name,
    gated: gate.enter(name === 'a' ? 1 : 2),
    left: attemptSteps(random),
    did: [] as string[],
  }));
  // One in three keeps on after it has lost: an abort that finds a whole answer does.
  const isStubborn = random() < 0.33;
  for (;;) {
    const able = attempts.filter(
      ({ gated, left }) => left.length > 0 && (isStubborn || gate.winner === null || gate.winner === gated),
    );
    if (able.length === 0) break;
    const one = able[Math.floor(random() * able.length)]!;
    act(one.gated, one.name, one.left.shift()!, one.did);
  }
  expect(decided.length).toBeLessThanOrEqual(1);
  const winner = attempts.find(({ gated }) => gated === decided[0]);
  expect(written).toEqual(winner?.did ?? []);
  for (const { gated } of attempts) expect(gate.claim(gated)).toBe(gate.winner === gated);
});

function act(gated: GatedWriter, name: string, step: string, did: string[]): void {
  if (step === 'wait' || step === 'fail' || step === 'over') return;
  const meta = { status: 200, headers: { by: name }, isWhole: step === 'whole' };
  did.push(step === 'end' ? 'end ok' : `${step} ${name}`);
  if (step === 'head') gated.head(meta);
  else if (step === 'whole') gated.whole(meta, Buffer.from(name));
  else if (step === 'end') gated.end('ok');
  else gated.event(Buffer.from(`${step} ${name}`));
}
