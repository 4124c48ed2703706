// The configuration of `sluice start` when there is none: OpenAI where its key is in the environment, else the simulator.
// Written to a file, so that it can be read, copied and changed.

export interface DemoSettings {
  hasOpenAiKey: boolean;
  simulatorUrl: string | null;
}

const HEAD = `# Written by \`sluice start\` because no provider is configured. Copy it to sluice.yaml and change what you like;
# docs/configuration.md has every setting.
`;

const OPENAI = `providers:
  openai:
    api_key: \${OPENAI_API_KEY}
models:
  "openai/*": { deployments: [{ provider: openai, model: "*" }] }
  gpt-4o-mini: { deployments: [{ provider: openai, model: gpt-4o-mini }] }
  gpt-4o: { deployments: [{ provider: openai, model: gpt-4o }] }
  "*": { deployments: [{ provider: openai, model: "*" }] }
`;

const simulator = (url: string) => `providers:
  simulator:
    protocols: [openai-chat]
    base_url: ${url}/v1
    api_key: simulated
models:
  gpt-4o-mini: { deployments: [{ provider: simulator, model: gpt-4o-mini, price: { input: 0.15, cached_input: 0.075, output: 0.6 } }] }
  gpt-4o: { deployments: [{ provider: simulator, model: gpt-4o, price: { input: 2.5, cached_input: 1.25, output: 10 } }] }
  "*": { deployments: [{ provider: simulator, model: "*", price: { input: 1, cached_input: 0.5, output: 4 } }] }
`;

export function demoConfiguration({ hasOpenAiKey, simulatorUrl }: DemoSettings): string {
  return HEAD + (hasOpenAiKey || simulatorUrl === null ? OPENAI : simulator(simulatorUrl));
}

export const DEMO_MODEL = 'gpt-4o-mini';
