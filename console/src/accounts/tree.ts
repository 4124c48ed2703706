// Organisations, projects and keys as the rows of a tree. Pure.
import type { Account, ApiKey } from '../api/types.ts';
import type { Level } from './draft.ts';

export interface Line {
  of: Account | ApiKey;
  level: Level;
  depth: number;
  /** Projects of an organisation, keys of a project. */
  below: number;
}

/** @param open ids of the projects whose keys are shown. Projects whose organisation is unknown come last. */
export function linesOf(accounts: readonly Account[], keys: readonly ApiKey[], open: ReadonlySet<string>): Line[] {
  const organisations = accounts.filter(({ kind }) => kind === 'organisation');
  const ids = new Set(organisations.map(({ id }) => id));
  const projects = accounts.filter(({ kind }) => kind === 'project');
  const byParent = Map.groupBy(projects, ({ organisation }) => (ids.has(organisation ?? '') ? organisation : null));
  const byProject = Map.groupBy(keys, ({ project }) => project);
  const projectLines = (project: Account, depth: number): Line[] => {
    const own = byProject.get(project.id) ?? [];
    const shown = open.has(project.id) ? own : [];
    return [
      { of: project, level: 'project', depth, below: own.length },
      ...shown.map((key): Line => ({ of: key, level: 'key', depth: depth + 1, below: 0 })),
    ];
  };
  return [
    ...organisations.flatMap((organisation): Line[] => {
      const own = byParent.get(organisation.id) ?? [];
      return [
        { of: organisation, level: 'organisation', depth: 0, below: own.length },
        ...own.flatMap((project) => projectLines(project, 1)),
      ];
    }),
    ...(byParent.get(null) ?? []).flatMap((project) => projectLines(project, 0)),
  ];
}

/** Keys that are revoked with an account. */
export function keysBelow(account: Account, accounts: readonly Account[], keys: readonly ApiKey[]): number {
  const projects = new Set(
    accounts.filter(({ id, organisation }) => id === account.id || organisation === account.id).map(({ id }) => id),
  );
  return keys.filter(({ project, revoked_at: at }) => at === null && project !== null && projects.has(project)).length;
}
