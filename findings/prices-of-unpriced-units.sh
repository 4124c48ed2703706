#!/bin/bash
# What      The price of usage in units for which a model has no rate in the package: audio tokens of a model with text rates
#           only, tokens of a model that is priced by the hour.
# Versions  @pydantic/genai-prices 0.1.8 (npm)
# Expected  null, as for an unknown model, or an error, as for contradictory counts: "unknown" is not "cheap".
# Seen      2026-11-28: audio of gpt-4o-audio-preview and gpt-4o-mini-audio-preview has the price of text (gpt-audio has both
#           rates: 2.5 dollars a million for text, 32 for audio). Tokens of whisper-1, which is priced by the hour of audio, cost
#           0. The result does not differ from others.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 @pydantic/genai-prices@0.1.8
cat > run.mjs <<'E'
import { calcPrice } from '@pydantic/genai-prices';

const timestamp = new Date('2026-11-28T12:00:00Z');
const price = (usage, model) => calcPrice(usage, model, { providerId: 'openai', timestamp })?.total_price ?? null;
const text = { input_tokens: 1_000_000 };
const audio = { input_tokens: 1_000_000, input_audio_tokens: 1_000_000 };
for (const model of ['gpt-audio', 'gpt-4o-audio-preview', 'gpt-4o-mini-audio-preview', 'whisper-1', 'tts-1'])
  console.log(`${model}: a million tokens of text ${price(text, model)}, of audio ${price(audio, model)}`);
E
node_modules/.bin/node run.mjs | tee seen
diff seen - <<'E' && echo 'unchanged'
gpt-audio: a million tokens of text 2.5, of audio 32
gpt-4o-audio-preview: a million tokens of text 2.5, of audio 2.5
gpt-4o-mini-audio-preview: a million tokens of text 0.15, of audio 0.15
whisper-1: a million tokens of text 0, of audio 0
tts-1: a million tokens of text null, of audio null
E
