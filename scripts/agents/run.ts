// Runs real agents in pinned versions, each with the same small task over each protocol behind Sluice: edit a file, run a
// command, report it. The simulator plays the model from a script, so that an agent runs exactly what agents.ts defines. Prints
// a matrix; exits with status 1 unless every cell passes.
//
//   npm run agents -- [--only codex]… [--onto gemini-generate-content]… [--keep]
//
// Needs npm, uv (for aider) and Linux: agents run without any network but loopback. They are installed once, in
// ~/.cache/sluice-outside.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatTable } from '../../src/cli/terminal.ts';
import { installNpm, installPython } from '../harness/install.ts';
import { isOnLoopback, rerunOnLoopback } from '../harness/loopback.ts';
import { PROTOCOL_NAMES, startSluice } from '../harness/sluice.ts';
import { AGENTS, type Agent } from './agents.ts';
import { type Finding, tryAgent } from './try-agent.ts';

interface Pinned {
  npm?: string;
  pypi?: string;
  version: string;
}

const versions = JSON.parse(readFileSync(new URL('versions.json', import.meta.url), 'utf8')) as Record<string, Pinned>;
const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    onto: { type: 'string', multiple: true },
    keep: { type: 'boolean', default: false },
  },
});
const agents = AGENTS.filter(({ package: name }) => values.only?.includes(name) ?? true);
const protocols = PROTOCOL_NAMES.filter((name) => values.onto?.some((wanted) => name.includes(wanted)) ?? true);
if (agents.length === 0 || protocols.length === 0) {
  const names = [...new Set(AGENTS.map(({ package: name }) => name))].join(', ');
  console.error(`--only accepts ${names}; --onto accepts ${PROTOCOL_NAMES.join(', ')}`);
  process.exit(2);
}
const programs = new Map(agents.map((agent) => [agent, programOf(agent)]));
process.exitCode = isOnLoopback() ? await runAll() : await rerunOnLoopback();

/** The program's path; installs the package if needed. */
function programOf({ package: name, program }: Agent): string {
  const { npm, pypi, version } = versions[name]!;
  return npm === undefined
    ? join(installPython(`${name}-${version}`, [`${pypi}==${version}`]), 'bin', program)
    : join(installNpm(`${name}-${version}`, [`${npm}@${version}`]), 'node_modules/.bin', program);
}

async function runAll(): Promise<number> {
  const sluice = await startSluice();
  const rows: string[][] = [];
  const failed: string[] = [];
  try {
    for (const agent of agents) {
      const row = [agent.package, versions[agent.package]!.version, agent.speaks];
      for (const protocol of protocols) {
        const finding = await tryAgent(sluice, agent, programs.get(agent)!, protocol, values.keep);
        row.push(inShort(finding));
        if (!finding.isWell) failed.push(`${agent.package} (${agent.speaks}) onto ${protocol}\n${finding.report}`);
        console.error(`${agent.package} (${agent.speaks}) onto ${protocol}: ${inShort(finding)}`);
      }
      rows.push(row);
    }
  } finally {
    await sluice.stop();
  }
  console.log(formatTable(['agent', 'version', 'speaks', ...protocols], rows));
  for (const report of failed) console.log(`\n--- ${report}`);
  return failed.length === 0 ? 0 : 1;
}

function inShort({ isWell, turns, ms }: Finding): string {
  return isWell ? `${turns} turns, ${(ms / 1_000).toFixed(1)} s` : 'FAILED';
}
