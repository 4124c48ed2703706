#!/usr/bin/env node
// Starts the command on Node 24, which runs the TypeScript as it stands. An older Node hands over to the one that npm
// installed beside the other dependencies. Plain JavaScript that Node 20 understands.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const MINIMUM_MAJOR = 24;
const cli = fileURLToPath(new URL('../src/cli.ts', import.meta.url));
const ownNode = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url));

if (Number(process.versions.node.split('.')[0]) >= MINIMUM_MAJOR) {
  await import('../src/cli.ts');
} else if (existsSync(ownNode)) {
  const child = spawn(ownNode, [cli, ...process.argv.slice(2)], { stdio: 'inherit' });
  // The terminal sends Ctrl-C to the child too; this process only waits for it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 1));
} else {
  console.error(`Sluice needs Node ${MINIMUM_MAJOR} or newer, or its dependencies: run "npm install" in its folder.`);
  process.exit(1);
}
