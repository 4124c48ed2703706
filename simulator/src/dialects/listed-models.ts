// The models that lists show, in whatever shape a protocol gives them.

/** Listed where every name is served. */
const SAMPLE_MODELS = ['sim-small', 'sim-large'];

/** All models are as old as the simulator's first day. */
export const MODELS_CREATED_MS = Date.UTC(2026, 0, 1);

/** `models` is null where every name is served. */
export function listedModels(models: readonly string[] | null): readonly string[] {
  return models ?? SAMPLE_MODELS;
}

/** A name as an address has it; one that is badly encoded is taken as it stands. */
export function decodeName(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
