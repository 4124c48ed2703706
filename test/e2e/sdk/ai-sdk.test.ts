// The Vercel AI SDK against a provider of every protocol.
import { describe } from 'vitest';
import { AI_SDKS } from '#test/support/sdk/ai-sdk.ts';
import { describeContents } from '#test/support/sdk/describe-contents.ts';
import { describeEndings } from '#test/support/sdk/describe-endings.ts';
import { describeTools } from '#test/support/sdk/describe-tools.ts';
import { IN_TIERS, useProviders } from '#test/support/sdk/providers.ts';

const vendors = useProviders({}, IN_TIERS);

describe.each(AI_SDKS)('$name', (sdk) => {
  describeContents(sdk, vendors);
  describeTools(sdk, vendors);
  describeEndings(sdk, vendors);
});
