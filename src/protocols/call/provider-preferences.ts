// The body extension `provider`, in every protocol the same: OpenRouter's members (openrouter.ai/docs/features/provider-routing,
// read 2026-11), the broker's own strategies in addition to its values of `sort`, and its own `hedge`.
import { z } from 'zod';
import { SORTS } from '#src/contracts/route-plan.ts';
import type { ProviderPreferences } from '../../contracts/request-record.ts';

const names = z.array(z.string()).nullish();
const sort = z.enum(Object.keys(SORTS) as [keyof typeof SORTS]);
const usdPerMillion = z.number().nonnegative().nullish();

export const providerPreferences = z
  .looseObject({
    order: names,
    only: names,
    ignore: names,
    allow_fallbacks: z.boolean().nullish(),
    require_parameters: z.boolean().nullish(),
    sort: z
      .union([sort, z.looseObject({ by: sort })], { error: `expected one of ${Object.keys(SORTS).join(', ')}` })
      .nullish(),
    hedge: z.boolean().nullish(),
    max_price: z.looseObject({ prompt: usdPerMillion, completion: usdPerMillion }).nullish(),
  })
  .nullish();

export function readPreferences(provider: z.output<typeof providerPreferences>): ProviderPreferences {
  if (!provider) return {};
  const { order, only, ignore, allow_fallbacks: allowFallbacks, sort: wished, max_price: maxPrice } = provider;
  const { prompt, completion } = maxPrice ?? {};
  const hedge = provider.hedge ?? null;
  const isWhole = provider.require_parameters === true;
  return {
    ...(order ? { order } : {}),
    ...(only ? { only } : {}),
    ...(ignore ? { ignore } : {}),
    ...(allowFallbacks === false ? { allowFallbacks } : {}),
    ...(isWhole ? { requireParameters: true } : {}),
    ...(wished ? { sort: SORTS[typeof wished === 'string' ? wished : wished.by] } : {}),
    ...(hedge === null ? {} : { hedge }),
    ...(prompt == null ? {} : { maxInputPrice: prompt }),
    ...(completion == null ? {} : { maxOutputPrice: completion }),
  };
}
