// `@anthropic-ai/sdk` against a provider of every protocol.
import { describe } from 'vitest';
import { describeContents } from '#test/support/sdk/describe-contents.ts';
import { describeEndings } from '#test/support/sdk/describe-endings.ts';
import { describeTools } from '#test/support/sdk/describe-tools.ts';
import { useProviders } from '#test/support/sdk/providers.ts';
import { ANTHROPIC_SDKS } from '#test/support/sdk/sdks.ts';

const vendors = useProviders();

describe.each(ANTHROPIC_SDKS)('$name', (sdk) => {
  describeContents(sdk, vendors);
  describeTools(sdk, vendors);
  describeEndings(sdk, vendors);
});
