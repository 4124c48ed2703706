// The models in lists, independent of a protocol's form.

/** Listed if every name is served. */
const SAMPLE_MODELS = ['sim-small', 'sim-large'];

/** Creation time of all models: the simulator's first day. */
export const MODELS_CREATED_MS = Date.UTC(2026, 0, 1);

/** @param models null if every name is served. */
export function listedModels(models: readonly string[] | null): readonly string[] {
  return models ?? SAMPLE_MODELS;
}

/** Decodes a name from a URL; one that is badly encoded is used unchanged. */
export function decodeName(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
