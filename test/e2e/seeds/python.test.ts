// The Python examples of other brokers' documentation, run as they are printed. Needs a Python with the package `openai`:
//
//   python3 -m venv /tmp/sluice-python-venv && /tmp/sluice-python-venv/bin/pip install openai
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { TEST_KEY } from '#test/support/broker.ts';
import { SEED_PROVIDERS, useSeedProviders } from '#test/support/seed-providers.ts';
import { PYTHON_EXAMPLES } from './examples.ts';

const run = promisify(execFile);
const python = await findPython();

async function findPython(): Promise<string | null> {
  for (const candidate of ['/tmp/sluice-python-venv/bin/python', 'python3']) {
    const isUsable = await run(candidate, ['-c', 'import openai']).then(
      () => true,
      () => false,
    );
    if (isUsable) return candidate;
  }
  return null;
}

if (python === null) {
  test.skip('no Python with the package openai: the examples are not run (see the head of this file)');
} else {
  describe('python', () => {
    const vendors = useSeedProviders();
    afterEach(() => vendors.answerBy('openai'));

    // Each example starts an interpreter, which takes longer than everything else here. The first two providers of the plan
    // are OpenAI's, so one pass-through and one translated example are enough.
    describe.each(SEED_PROVIDERS.filter((name) => name !== 'azure' && name !== 'google'))(
      'answered by %s',
      (provider) => {
        test.each(PYTHON_EXAMPLES)('$name', async ({ code, says }) => {
          vendors.answerBy(provider);
          const env = { ...process.env, YOUROUTER_API_KEY: TEST_KEY };
          const { stdout } = await run(python, ['-c', vendors.localise(code)], { env });
          expect(stdout.trim()).not.toBe('');
          if (says !== undefined) expect(stdout.trim()).toBe(says);
        });
      },
    );
  });
}
