// For OpenAI's paths, every documented member and parameter of requests is accepted, with every kind of value. docs/api.md
// lists all intended differences. Skipped if the machine does not have the specification.
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { hasOpenaiSchemas, loadOpenaiDocument, type OpenaiDocument } from '#test/support/openai-schemas.ts';
import { type DescribedOperation, operationsOf, schemaChecker, sharedDocument } from '#test/support/openapi.ts';
import { membersOf, objectOf, type Resolve, resolverOf, samplesOf } from '#test/support/sample-values.ts';

/** Of other parts of OpenAI's API nothing is here. */
const PARTS = /^\/(chat\/completions|completions|embeddings|responses|conversations|files|batches|models)\b/;

const page = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8');
/** The first column of the table of differences. */
const DIFFERENCES = [...page.matchAll(/^\| `([A-Z]+ \/[^`]*)` \|/gm)].map(([, what]) => what!);

interface Pair {
  name: string;
  theirs: OpenaiDocument['paths'][string][string];
  ours: DescribedOperation | undefined;
}

describe.skipIf(!hasOpenaiSchemas)('OpenAI’s API', () => {
  let pairs: Pair[];
  let resolve: Resolve;
  let resolveOurs: Resolve;
  let check: ReturnType<typeof schemaChecker>;
  const used = new Set<string>();

  beforeAll(async () => {
    const [theirs, ours] = [loadOpenaiDocument(), await sharedDocument()];
    resolve = resolverOf(theirs.components.schemas);
    resolveOurs = resolverOf(ours.components.schemas);
    check = schemaChecker(ours);
    const served = new Map(operationsOf(ours).map(({ name, operation }) => [unnamed(name), operation]));
    pairs = Object.entries(theirs.paths)
      .filter(([path]) => PARTS.test(path))
      .flatMap(([path, operations]) =>
        Object.entries(operations)
          .filter(([method]) => ['get', 'post', 'delete', 'patch', 'put'].includes(method))
          .map(([method, operation]) => {
            // Betas have separate paths there.
            const name = `${method.toUpperCase()} ${path.split('?')[0]}`;
            return { name, theirs: operation, ours: served.get(unnamed(name.replace(' ', ' /v1'))) };
          }),
      );
  });

  const unnamed = (name: string) => name.replaceAll(/\{\w+\}/g, '{}');
  /** True for one that is listed; it must be, and needs no other proof. */
  const isListed = (what: string) => {
    const found = DIFFERENCES.find((difference) => unnamed(difference) === unnamed(what));
    if (found !== undefined) used.add(found);
    return found !== undefined;
  };
  const served = () => pairs.filter((pair) => pair.ours !== undefined);

  test('the specification contains what is compared', () => {
    expect(served().length).toBeGreaterThan(20);
  });

  test('every operation is either served or listed as not served', () => {
    const absent = pairs.filter(({ ours }) => ours === undefined).map(({ name }) => name);
    expect(absent.filter((name) => !isListed(name))).toEqual([]);
  });

  /** Members of theirs that ours would refuse, and how. */
  function refused(name: string, theirs: unknown, ours: object): string[] {
    const { properties } = membersOf(theirs, resolve);
    expect(Object.keys(properties).length, name).toBeGreaterThan(0);
    const [listed, members] = [true, false].map((is) =>
      Object.entries(properties).filter(([member]) => isListed(`${name} ${member}`) === is),
    ) as [[string, unknown][], [string, unknown][]];
    // What differs may be that it is needed here.
    const { required } = membersOf(ours, resolveOurs);
    const needed = listed
      .filter(([member]) => required.includes(member))
      .map(([member, of]) => [member, samplesOf(of, resolve)[0]]);
    const least = { ...objectOf(theirs, resolve), ...Object.fromEntries(needed) };
    const sent = members.flatMap(([member, of]) => samplesOf(of, resolve).map((value) => ({ member, value })));
    return [{ member: '', value: undefined }, ...sent].flatMap(({ member, value }) => {
      const faults = check(ours, member === '' ? least : { ...least, [member]: value });
      return faults.length === 0 ? [] : [`${name} ${member} ${JSON.stringify(value)}: ${faults.join('; ')}`];
    });
  }

  test.each(['application/json', 'multipart/form-data'])(
    'every member of a body is accepted, with every kind of value: %s',
    (type) => {
      const faults = served().flatMap(({ name, theirs, ours }) => {
        const schema = theirs.requestBody?.content[type]?.schema;
        return schema === undefined ? [] : refused(name, schema, ours!.requestBody!.content[type]!.schema);
      });
      expect(faults).toEqual([]);
    },
  );

  /** In a URL everything is text; a schema may refer to the type that it represents. */
  function asSent(schema: object, value: unknown): string[] {
    const faults = check(schema, value);
    return faults.length === 0 ? [] : check(schema, String(value));
  }

  test('every query parameter is accepted', () => {
    const faults = served().flatMap(({ name, theirs, ours }) =>
      (theirs.parameters ?? [])
        .filter((parameter) => parameter.in === 'query' && !isListed(`${name} ${parameter.name}`))
        .flatMap(({ name: parameter, schema }) => {
          const own = ours!.parameters.find((one) => one.in === 'query' && one.name === parameter);
          if (own === undefined) return [`${name} does not say that it takes ${parameter}`];
          const values = samplesOf(schema, resolve);
          return values.flatMap((value) =>
            asSent(own.schema, value).map((fault) => `${name} ${parameter} ${value}: ${fault}`),
          );
        }),
    );
    expect(faults).toEqual([]);
  });

  test('every listed difference exists', () => {
    expect(DIFFERENCES.length).toBeGreaterThan(0);
    expect(DIFFERENCES.filter((difference) => !used.has(difference))).toEqual([]);
  });
});
