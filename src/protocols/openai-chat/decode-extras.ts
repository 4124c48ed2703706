// What clients send beyond OpenAI's members: `extra_body`, which Python's SDK merges into the body and others send as it
// is, and in it Google's container (`google.image_config`, `google.thinking_config`: the seeds of OmniRouters and Google's
// own OpenAI endpoint), OpenRouter's `image_config`, and members that only the vendor knows.
import type { InferenceRequest } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { defined, isObject, optionalObject, optionalText } from './request-fields.ts';

export interface Extras {
  /** The body as the vendor's own endpoint would see it: `extra_body` over the members of the same name. */
  body: JsonObject;
  /** Keys that came from `extra_body` as such: those that nobody knows are the vendor's business. */
  extraKeys: ReadonlySet<string>;
}

export function mergeExtras(body: JsonObject): Extras {
  const extra = optionalObject(body.extra_body, 'extra_body') ?? {};
  // The model is routed by: it stays what the client asked the broker for.
  return { body: { ...body, ...extra, model: body.model }, extraKeys: new Set(Object.keys(extra)) };
}

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
