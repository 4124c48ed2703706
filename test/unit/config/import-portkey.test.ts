// What a Portkey config does with a request, and what it does after the import.
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createCatalogue } from '#src/config/catalogue.ts';
import { checkReferences } from '#src/config/check-references.ts';
import { wholeWeights } from '#src/config/import/imported.ts';
import { importPortkey } from '#src/config/import/portkey.ts';
import { configurationSchema } from '#src/config/schema.ts';

function importing(file: object) {
  const { configuration, notes } = importPortkey(file);
  const parsed = configurationSchema.parse(configuration);
  expect(checkReferences(parsed)).toEqual([]);
  const catalogue = createCatalogue(parsed);
  /** The upstream models that a request for this one is sent to, with their tiers and weights. */
  const planOf = (name: string) =>
    catalogue
      .findModel(name)
      ?.candidates.map(
        ({ deployment: { provider, tier, weight }, upstreamModel }) =>
          `${tier}: ${provider.name}/${upstreamModel} ×${weight}`,
      );
  return { models: Object.keys(parsed.models), planOf, notes: notes.join('\n') };
}

const target = (provider: string, model: string | null, more: object = {}) => ({
  provider,
  api_key: 'k',
  ...(model === null ? {} : { override_params: { model } }),
  ...more,
});

// Symptom: the fallback was lost, or was a separate model that no request falls back to, without a note. Cause: targets with
// and without override_params.model became two models. Fix: one model *, which passes the client's name on if a target has no
// model.
describe('targets with and without a model', () => {
  test.each([
    ['the second has one', target('openai', null), target('anthropic', 'claude'), ['openai/gpt-5', 'anthropic/claude']],
    ['the first has one', target('openai', 'gpt-4o'), target('anthropic', null), ['openai/gpt-4o', 'anthropic/gpt-5']],
  ])('%s: both are tried in order, whichever model the client requests', (_name, first, second, called) => {
    const { models, planOf } = importing({ strategy: { mode: 'fallback' }, targets: [first, second] });
    expect(models).toEqual(['*']);
    expect(planOf('gpt-5')).toEqual([`1: ${called[0]} ×1`, `2: ${called[1]} ×1`]);
  });

  test('if all have one, the model is named after the first, with a note', () => {
    const targets = [target('openai', 'gpt-4o'), target('anthropic', 'claude')];
    const { models, notes } = importing({ strategy: { mode: 'fallback' }, targets });
    expect(models).toEqual(['gpt-4o']);
    expect(notes).toBe(
      'config: the model is called "gpt-4o"; Portkey accepts every name: call it "*" if clients request others',
    );
  });
});

describe('conditions', () => {
  const CONDITIONS = '- { query: { params.model: fast }, then: small }';
  const conditional = (more: object, targets: object[]) =>
    importing({
      strategy: { mode: 'conditional', conditions: parse(CONDITIONS), ...more },
      targets,
    });
  const small = target('openai', 'gpt-4o-mini', { name: 'small' });

  test('a default with a model applies to every other name', () => {
    const { models, planOf, notes } = conditional({ default: 'any' }, [small, target('openai', 'o1', { name: 'any' })]);
    expect(models).toEqual(['fast', '*']);
    expect([planOf('fast'), planOf('gpt-5')]).toEqual([['1: openai/gpt-4o-mini ×1'], ['1: openai/o1 ×1']]);
    expect(notes).toBe('');
  });

  test('unknown target names are reported', () => {
    const { models, notes } = conditional({ default: 'gone' }, [target('openai', 'o1', { name: 'other' })]);
    expect(models).toEqual([]);
    expect(notes).toMatch(/conditions\[0\]\.then: not imported.*\n.*default: not imported/);
  });

  test('a model whose targets are all skipped is left out', () => {
    const { models, notes } = conditional({}, [{ name: 'small', provider: 'bedrock' }]);
    expect(models).toEqual([]);
    expect(notes).toContain('skipped');
  });
});

// Symptom: a target of an inner load balancer got as much traffic as the whole balancer should have. Cause: the weights of
// the outer one were ignored. Fix: outer weight × own weight ÷ sum of its siblings' weights.
describe('load balancers in load balancers', () => {
  const balance = (targets: object[], more: object = {}) => ({ strategy: { mode: 'loadbalance' }, targets, ...more });

  test('the inner shares are parts of the outer share', () => {
    const inner = balance([target('openai', 'a', { weight: 2 }), target('openai', 'b')], { weight: 0.5 });
    const { planOf } = importing(balance([inner, target('anthropic', 'c', { weight: 0.5 })]));
    expect(planOf('a')).toEqual(['1: openai/a ×2', '1: openai/b ×1', '1: anthropic/c ×3']);
  });

  test('small weights keep their proportions', () => {
    const { planOf } = importing(
      balance([target('openai', 'a', { weight: 0.001 }), target('openai', 'b', { weight: 0.004 })]),
    );
    expect(planOf('a')).toEqual(['1: openai/a ×1', '1: openai/b ×4']);
  });

  test('the fallbacks of one target have no share', () => {
    const inner = {
      strategy: { mode: 'fallback' },
      targets: [target('openai', 'a'), target('openai', 'b')],
      weight: 3,
    };
    const { planOf, notes } = importing(balance([inner, target('anthropic', 'c')]));
    expect(planOf('a')).toEqual(['1: openai/a ×3', '2: openai/b ×1', '1: anthropic/c ×1']);
    expect(notes).toContain('config.targets[0]: the fallbacks of one target of a load balancer are fallbacks of all');
  });

  test('a weight of 0 is reported', () => {
    const { notes } = importing(balance([target('openai', 'a', { weight: 0 }), target('openai', 'b')]));
    expect(notes).toContain('config.targets[0]: skipped: its weight is 0');
  });

  test.each([
    [
      [60, 600],
      [60, 600],
    ],
    [
      [0.7, 0.3],
      [7, 3],
    ],
    [
      [1 / 3, 2 / 3],
      [1, 2],
    ],
    [
      [Math.PI, 1],
      [1_000_000_000, 318_309_886],
    ],
    [
      [1e300, 0.5],
      [1_000_000_000, 1],
    ],
  ])('%j in whole numbers', (weights, whole) => {
    expect(wholeWeights(weights)).toEqual(whole);
  });
});
