// Settings of prices and of providers' bills, parts of schema.ts.
import { z } from 'zod';
import { apiUrl, positive, secretText } from './value-schema.ts';

/** Far above any real price; the ledger has room for the cost of any call at it. */
const HIGHEST_PRICE_USD = 1_000_000;
const usdPerMillion = z.number().nonnegative().max(HIGHEST_PRICE_USD);
const usdPerThousand = z.number().nonnegative().max(HIGHEST_PRICE_USD);

const rates = {
  input: usdPerMillion.describe('USD per million input tokens.'),
  cached_input: usdPerMillion.optional().describe('Default: the input price.'),
  cache_write: usdPerMillion.optional().describe('Default: the input price.'),
  cache_write_long: usdPerMillion
    .optional()
    .describe('Price of writing to a cache that lives one hour. Default: 1.6 × cache_write.'),
  output: usdPerMillion.describe('USD per million output tokens, including reasoning tokens.'),
  output_reasoning: usdPerMillion.optional().describe('Reasoning tokens, if they have a separate price.'),
  input_audio: usdPerMillion
    .optional()
    .describe('Absent: audio is priced as text, and the ledger entry lists it as unpriced.'),
  input_image: usdPerMillion.optional().describe('Default: the input price.'),
  input_video: usdPerMillion.optional().describe('Default: the input price.'),
  cached_audio: usdPerMillion.optional().describe('Default: the price of cached input.'),
  cached_image: usdPerMillion.optional().describe('Default: the price of cached input.'),
  cached_video: usdPerMillion.optional().describe('Default: the price of cached input.'),
  output_audio: usdPerMillion
    .optional()
    .describe('Absent: audio is priced as text, and the ledger entry lists it as unpriced.'),
  output_image: usdPerMillion
    .optional()
    .describe('Absent: images are priced as text, and the ledger entry lists it as unpriced.'),
  output_video: usdPerMillion
    .optional()
    .describe('Absent: video is priced as text, and the ledger entry lists it as unpriced.'),
};

const priceShape = {
  ...rates,
  request: usdPerThousand.optional().describe('USD per thousand calls, in addition to their tokens.'),
  tools: z
    .record(z.string(), usdPerThousand)
    .optional()
    .describe('USD per thousand calls of tools that the provider runs, such as web_search and file_search.'),
  service_tiers: z
    .record(z.string(), z.union([z.number().positive().max(1_000), z.strictObject(rates)]))
    .optional()
    .describe('Prices of other service tiers (flex, priority): a factor on every token price, or separate prices.'),
  long_context: z
    .array(
      z.strictObject({
        above_input_tokens: positive.describe('Applies to the whole request if its prompt is longer than this.'),
        ...rates,
      }),
    )
    .optional()
    .describe('Prices of long prompts.'),
};

const day = z
  .string()
  .refine((text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)), 'must be a date, YYYY-MM-DD');

const changes = z
  .array(z.strictObject({ from: day.describe('First day on which these prices apply (UTC).'), ...priceShape }))
  .superRefine((list, context) => {
    for (const [index, { from }] of list.entries()) {
      if (index > 0 && from <= list[index - 1]!.from) {
        context.addIssue({ code: 'custom', path: [index, 'from'], message: 'must be later than the change before it' });
      }
    }
  });

export const price = z
  .strictObject({
    ...priceShape,
    changes: changes.optional().describe('Later prices. Each entry replaces the whole price list from a given day on.'),
  })
  .describe('USD per million tokens. Absent: taken from the price package by provider and model.');

/** Providers whose usage and cost reports are understood. */
export const USAGE_APIS = ['openai', 'anthropic'] as const;
export type UsageApi = (typeof USAGE_APIS)[number];

export const usageApi = z.strictObject({
  admin_key: secretText.describe('The organization’s admin key; a key for calling models does not work here.'),
  kind: z
    .enum(USAGE_APIS)
    .optional()
    .describe('Whose usage and cost APIs to use. Default: derived from the protocols of the provider.'),
  base_url: apiUrl.optional().describe('Default: the base URL of the provider.'),
  key_ids: z
    .record(z.string(), z.string().min(1))
    .default({})
    .describe(
      'The provider’s id of each credential’s key (`default` for api_key): only usage of these keys is compared. Absent: usage of the whole organization.',
    ),
});

export type PriceSettings = z.output<typeof price>;
/** A price without its dated changes. */
export type UndatedPriceSettings = Omit<PriceSettings, 'changes'>;
/** The rates per token. */
export type RateSettings = Pick<PriceSettings, keyof typeof rates>;
