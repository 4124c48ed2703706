// How far property tests explore: anew at every run, repeatable by the seed that is printed with a failure.
//   FUZZ_SEED=123 FUZZ_RUNS=20000 npx vitest run test/fuzz     (npm run fuzz, npm run test:long: the long forms)

const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** @param usual how many runs fit into `npm test`. */
export function explore(usual: number): { numRuns: number; seed: number } {
  return { numRuns: Number(process.env.FUZZ_RUNS ?? usual), seed };
}
