// How far property tests explore: differently in every run, repeatable with the seed that is printed with a failure. Also the
// sizes of other tests.
//   FUZZ_SEED=123 FUZZ_RUNS=20000 npx vitest run test/fuzz     (npm run fuzz, npm run test:long: the long forms)

const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

/**
 * How much of something a test has in `npm test`, and in `npm run test:long`. What it proves is the same; chances of what is rare
 * are better in the long form.
 */
export function volume(usual: number, long: number): number {
  return process.env.SLUICE_TEST_LONG === undefined ? usual : long;
}

/** @param usual how many runs fit into `npm test`. */
export function explore(usual: number): { numRuns: number; seed: number } {
  return { numRuns: Number(process.env.FUZZ_RUNS ?? usual), seed };
}
