// The batches and files of one simulator. Files are texts. Only the newest thousand of each are kept.
import { randomUUID } from 'node:crypto';
import type { BatchAcceptance, Batches, BatchFile, NewBatch } from '../../dialects/dialect.ts';
import type { Engine } from '../engine.ts';
import { readPromptCommands } from '../faults/prompt-commands.ts';
import { invalid } from '../refusal.ts';
import { type BatchFault, readBatchFault } from './batch-fault.ts';
import { SimulatedBatch } from './simulated-batch.ts';

const MAX_KEPT = 1_000;

export class BatchDesk implements Batches {
  readonly #engine: Engine;
  readonly #batches = new Map<string, SimulatedBatch>();
  readonly #files = new Map<string, BatchFile>();
  #isClosed = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  accept({ prefix, ...options }: NewBatch): BatchAcceptance {
    const fault = this.#faultOf(options.lines.map(({ body }) => body));
    if (fault?.name === 'refuse' || this.#isClosed) return { kind: 'refused' };
    const { batchMs } = this.#engine.behaviour;
    const id = prefix + unique();
    const batch = new SimulatedBatch(this.#engine, { ...options, id, fault, durationMs: batchMs });
    keep(this.#batches, batch)?.close();
    return { kind: 'accepted', batch, isAnswerLost: fault?.name === 'lost' };
  }

  find(id: string): SimulatedBatch | null {
    return this.#batches.get(id) ?? null;
  }

  /** Newest first. */
  list(prefix: string): SimulatedBatch[] {
    return [...this.#batches.values()].filter(({ id }) => id.startsWith(prefix)).reverse();
  }

  remove(id: string): void {
    this.#batches.get(id)?.close();
    this.#batches.delete(id);
  }

  addFile(prefix: string, file: Omit<BatchFile, 'id' | 'createdAtMs'>): BatchFile {
    const added = { id: prefix + unique(), createdAtMs: this.#engine.now(), ...file };
    keep(this.#files, added);
    return added;
  }

  findFile(id: string): BatchFile | null {
    return this.#files.get(id) ?? null;
  }

  /** False if there is no such file. */
  removeFile(id: string): boolean {
    return this.#files.delete(id);
  }

  close(): void {
    this.#isClosed = true;
    for (const batch of this.#batches.values()) batch.close();
  }

  /** A command in any line takes precedence over the option; a mistyped one is refused. */
  #faultOf(bodies: readonly unknown[]): BatchFault | null {
    try {
      for (const body of bodies) {
        const text = JSON.stringify(body);
        if (!text.includes('batch=')) continue;
        const { batchFault } = readPromptCommands(text, this.#engine.name);
        if (batchFault !== undefined) return batchFault;
      }
      const { batchFault } = this.#engine.behaviour;
      return batchFault === null ? null : readBatchFault(batchFault);
    } catch (error) {
      if (error instanceof RangeError) throw invalid(`Simulator command: ${error.message}`);
      throw error;
    }
  }
}

/** Returns the entry that was dropped to make room. */
function keep<T extends { id: string }>(kept: Map<string, T>, added: T): T | undefined {
  kept.set(added.id, added);
  if (kept.size <= MAX_KEPT) return undefined;
  const oldest = kept.values().next().value!;
  kept.delete(oldest.id);
  return oldest;
}

function unique(): string {
  return randomUUID().replaceAll('-', '');
}
