// What the batches of one process share to use their providers' own.
import type { NativeChunkStore } from '#src/batches/native-chunk-store.ts';
import type { Deployment } from '#src/config/catalogue.ts';
import type { OrdinaryRate } from './ordinary-rate.ts';
import type { ProviderClient } from './provider-client.ts';
import type { Turns } from './turns.ts';

export interface NativeServices {
  chunks: NativeChunkStore;
  providers: ProviderClient;
  /** Taken out of service by an operator: nothing is handed over. */
  isHeld(deployment: Deployment): boolean;
  rate: OrdinaryRate;
  /** One chunk at a time is in memory. */
  submissions: Turns;
}
