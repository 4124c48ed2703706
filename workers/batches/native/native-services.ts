// What the batches of one process share to use their vendors' own.
import type { NativeChunkStore } from '#src/batches/native-chunk-store.ts';
import type { OrdinaryRate } from './ordinary-rate.ts';
import type { Turns } from './turns.ts';
import type { VendorClient } from './vendor-client.ts';

export interface NativeServices {
  chunks: NativeChunkStore;
  vendors: VendorClient;
  rate: OrdinaryRate;
  /** One chunk at a time is in memory. */
  submissions: Turns;
}
