#!/usr/bin/env node
// Starts the command. An installed package has JavaScript in dist/. A checkout has TypeScript, which Node 24 runs as it stands;
// there an older Node hands over to the one that npm installed beside the other dependencies. Plain JavaScript that Node 20
// understands, so that an old Node gets a clear message.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const isCheckout = existsSync(path('../src/cli.ts'));
/** node:sqlite needs no flag from 22.13 on, undici runs from 22.19 on; TypeScript as it stands needs 24. */
const minimum = isCheckout ? [24, 0] : [22, 19];
const [major, minor] = process.versions.node.split('.').map(Number);
const isNewEnough = major > minimum[0] || (major === minimum[0] && minor >= minimum[1]);
const ownNode = path('../node_modules/.bin/node');

/** `start` stays, and has a smaller entry point (src/start.ts). */
const entry = isStart(process.argv.slice(2)) ? 'start' : 'cli';

if (isNewEnough) {
  if (!isCheckout) process.setSourceMapsEnabled(true);
  await import(isCheckout ? `../src/${entry}.ts` : `../dist/src/${entry}.js`);
} else if (isCheckout && existsSync(ownNode)) {
  const child = spawn(ownNode, [path(`../src/${entry}.ts`), ...process.argv.slice(2)], { stdio: 'inherit' });
  // The terminal sends Ctrl-C to the child too; this process only waits for it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 1));
} else {
  const remedy = isCheckout ? ', or its dependencies: run "npm install" in its folder' : '';
  console.error(`Sluice needs Node ${minimum.join('.')} or newer${remedy}; this is ${process.versions.node}.`);
  process.exit(1);
}

/** The command is the first argument that is no option; only `--config` takes a value before it. */
function isStart(args) {
  const at = args.findIndex((arg, index) => !arg.startsWith('-') && !['-c', '--config'].includes(args[index - 1]));
  return args[at] === 'start';
}
