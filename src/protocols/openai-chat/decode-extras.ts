// What clients send beyond OpenAI's members: Google's container (`google.image_config`, `google.thinking_config`: the
// seeds of OmniRouters and Google's own OpenAI endpoint), and OpenRouter's `image_config`.
import type { InferenceRequest } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { defined, isObject, optionalObject, optionalText } from './request-fields.ts';

/** Google's container, or null. */
export function googleConfig(body: JsonObject, member: 'image_config' | 'thinking_config'): JsonObject | null {
  const google = isObject(body.google) ? body.google : {};
  return optionalObject(google[member], `google.${member}`) ?? null;
}

/** Members of Google's container that have no canonical place. */
export function unmappedOfGoogle(body: JsonObject): JsonObject {
  if (!isObject(body.google)) return {};
  const { image_config: _image, thinking_config: _thinking, ...others } = body.google;
  return Object.fromEntries(Object.entries(others).map(([key, value]) => [`google.${key}`, value]));
}

export function decodeImageConfig(body: JsonObject): InferenceRequest['image'] {
  const own = optionalObject(body.image_config, 'image_config') ?? null;
  const config = own ?? googleConfig(body, 'image_config');
  if (config === null) return undefined;
  const at = own === null ? 'google.image_config' : 'image_config';
  return defined({
    aspectRatio: optionalText(config.aspect_ratio, `${at}.aspect_ratio`),
    size: optionalText(config.image_size, `${at}.image_size`),
  });
}
