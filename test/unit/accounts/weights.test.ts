import { expect, test } from 'vitest';
import { type Account, type ApiKey, accountsOf, DEFAULT_KEY_SETTINGS, weightOf } from '#src/accounts/api-key.ts';
import { ownerOf, weightOf as weightOfOwner } from '#src/contracts/turn.ts';

const account = (kind: Account['kind'], weight: number) =>
  ({ id: kind, kind, settings: { ...DEFAULT_KEY_SETTINGS, weight } }) as Account;
const key = (weight: number, ...above: Account[]) =>
  ({ id: 'key_1', settings: { ...DEFAULT_KEY_SETTINGS, weight }, above, credits: null }) as unknown as ApiKey;

test('weights of a key, its project and its organisation multiply', () => {
  expect(weightOf(key(2, account('project', 3), account('organisation', 0.5)))).toBe(3);
});

test('the product stays within the range of the turns computation', () => {
  expect(weightOf(key(1_000, account('project', 1_000)))).toBe(1_000);
  expect(weightOf(key(0.001, account('project', 0.001)))).toBe(0.001);
});

test('a record contains a weight only if it is not 1', () => {
  expect(accountsOf(key(1))).toEqual({ keyScope: null });
  expect(accountsOf(key(4, account('project', 1)))).toMatchObject({ weight: 4 });
});

test.each([0.001, 1 / 3, 1, 2.5, 1_000])('an owner of turns contains its weight %d', (weight) => {
  expect(weightOfOwner(ownerOf('key_1', weight))).toBe(weight);
});
