// Two queues per provider, one for each lane.
import type { Lane } from '../contracts/job.ts';

export function queueName(provider: string, lane: Lane): string {
  return `${provider}-${lane}`;
}
