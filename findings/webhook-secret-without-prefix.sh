#!/bin/bash
# What      A webhook signed with standardwebhooks and a secret without the prefix `whsec_` (which both sides accept), verified by
#           the openai SDKs, which follow the same standard.
# Versions  standardwebhooks 1.1.1, openai 7.55.0 (npm); openai 3.57.0 (PyPI)
# Expected  The prefix does not matter: with or without it, the secret is the same key.
# Seen      2026-11-28: with the prefix all three agree. Without it standardwebhooks decodes the secret from Base64, and the
#           openai SDKs use its characters as the key, so every valid signature is refused.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 openai@7.55.0 standardwebhooks@1.1.1
uv venv --quiet py && uv pip install --quiet --python py/bin/python openai==3.57.0

cat > run.mjs <<'E'
import { writeFileSync } from 'node:fs';
import OpenAI from 'openai';
import { Webhook } from 'standardwebhooks';

const bare = Buffer.from('a key of twenty-four b..').toString('base64');
const body = JSON.stringify({ id: 'evt_1', object: 'event', type: 'batch.completed', created_at: 1, data: { id: 'batch_1' } });
const cases = [];
for (const [name, secret] of [['with whsec_', `whsec_${bare}`], ['without', bare]]) {
  const now = new Date();
  const headers = {
    'webhook-id': 'evt_1',
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign('evt_1', now, body),
  };
  new Webhook(secret).verify(body, headers);
  const openai = new OpenAI({ apiKey: 'k', webhookSecret: secret });
  const seen = await openai.webhooks.unwrap(body, headers).then(() => 'accepted', (error) => error.constructor.name);
  console.log(`${name}: standardwebhooks accepted, openai js ${seen}`);
  cases.push({ name, secret, headers, body });
}
writeFileSync('cases.json', JSON.stringify(cases));
E
cat > run.py <<'E'
import json, openai
for case in json.load(open('cases.json')):
    client = openai.OpenAI(api_key='k', webhook_secret=case['secret'])
    try: client.webhooks.unwrap(case['body'], case['headers']); seen = 'accepted'
    except Exception as error: seen = type(error).__name__
    print(f"{case['name']}: openai py {seen}")
E
(node_modules/.bin/node run.mjs; py/bin/python run.py) | tee seen
diff seen - <<'E' && echo 'unchanged'
with whsec_: standardwebhooks accepted, openai js accepted
without: standardwebhooks accepted, openai js InvalidWebhookSignatureError
with whsec_: openai py accepted
without: openai py InvalidWebhookSignatureError
E
