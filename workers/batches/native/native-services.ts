// What the batches of one process share to use their vendors' own.
import type { NativeChunkStore } from '#src/batches/native-chunk-store.ts';
import type { Deployment } from '#src/config/catalogue.ts';
import type { OrdinaryRate } from './ordinary-rate.ts';
import type { Turns } from './turns.ts';
import type { VendorClient } from './vendor-client.ts';

export interface NativeServices {
  chunks: NativeChunkStore;
  vendors: VendorClient;
  /** Taken out of service by an operator: nothing is handed over. */
  isHeld(deployment: Deployment): boolean;
  rate: OrdinaryRate;
  /** One chunk at a time is in memory. */
  submissions: Turns;
}
