// `@google/genai` against a vendor of every protocol.
import { describe } from 'vitest';
import { describeContents } from '#test/support/sdk/describe-contents.ts';
import { describeEndings } from '#test/support/sdk/describe-endings.ts';
import { describeTools } from '#test/support/sdk/describe-tools.ts';
import { GOOGLE_SDKS } from '#test/support/sdk/sdks.ts';
import { useVendors } from '#test/support/sdk/vendors.ts';

const vendors = useVendors();

describe.each(GOOGLE_SDKS)('$name', (sdk) => {
  describeContents(sdk, vendors);
  describeTools(sdk, vendors);
  describeEndings(sdk, vendors);
});
