// A vector for a text: always the same one for the same text and model, unlike every other, and one long. Its nearness to
// other vectors means nothing.
import { createRandom, hashText, nextFraction } from '../../engine/answers/random.ts';

/** As precise as both encodings can say it. A shorter vector is the beginning of a longer one, made one long again. */
export function embedText(text: string, model: string, seed: number, dimensions: number): Float32Array {
  const random = createRandom(hashText(`${model} ${text}`, seed));
  const vector = Float64Array.from({ length: dimensions }, () => nextFraction(random) - 0.5);
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return Float32Array.from(vector, (value) => value / length);
}
