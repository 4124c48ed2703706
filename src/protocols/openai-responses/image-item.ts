// An image that the model made, as the item of OpenAI's own image tool: the only place that this protocol has for one.
import type { ImagePart } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';

/** `result` is base64. */
export function imageItem(id: string, { source }: ImagePart): JsonObject {
  const { mediaType, data } = source.kind === 'base64' ? source : { mediaType: '', data: null };
  const format = mediaType.startsWith('image/') ? { output_format: mediaType.slice('image/'.length) } : {};
  return { id, type: 'image_generation_call', status: 'completed', result: data, ...format };
}

/** For an image that the provider only points at: text that shows it. Null where the bytes are there. */
export function imageLink({ source }: ImagePart): string | null {
  return source.kind === 'url' ? `![image](${source.url})` : null;
}
