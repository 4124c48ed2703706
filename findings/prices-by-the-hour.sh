#!/bin/bash
# What      The price of the same usage, requested at different hours of a day.
# Versions  @pydantic/genai-prices 0.1.8 (npm)
# Expected  A function of usage, model and day, so that a record priced later (after a retry, in a nightly import) has the same
#           price as one priced at once.
# Seen      2026-11-28: deepseek-chat costs half from 16:30 to 00:30 UTC. Without `timestamp` the hour is that of the call to
#           calcPrice, not of the request, and the result does not show that the rate was one of several.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 @pydantic/genai-prices@0.1.8
cat > run.mjs <<'E'
import { calcPrice } from '@pydantic/genai-prices';

const usage = { input_tokens: 1_000_000, output_tokens: 1_000_000 };
for (const time of ['00:29', '00:30', '12:00', '16:29', '16:30', '23:59']) {
  const timestamp = new Date(`2026-11-28T${time}:00Z`);
  console.log(time, calcPrice(usage, 'deepseek-chat', { providerId: 'deepseek', timestamp }).total_price);
}
E
node_modules/.bin/node run.mjs | tee seen
diff seen - <<'E' && echo 'unchanged'
00:29 0.685
00:30 1.37
12:00 1.37
16:29 1.37
16:30 0.685
23:59 0.685
E
