// Measures the work of Redis during a measurement: time in scripts, and commands received.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { endWithParent } from '#test/support/end-with-parent.ts';

const SCRIPTS = /^cmdstat_(?:evalsha|eval|fcall|evalsha_ro|fcall_ro):calls=(\d+),usec=(\d+)/gm;

export interface ScriptWork {
  calls: number;
  us: number;
}

/** Number of scripts run during the work, and the time spent in them. */
export async function scriptsDuring<T>(
  port: number,
  work: () => Promise<T>,
): Promise<{ result: T; scripts: ScriptWork }> {
  const client = connect(port);
  await client.call('CONFIG', 'RESETSTAT');
  const result = await work();
  const found = [...(await client.info('commandstats')).matchAll(SCRIPTS)];
  client.disconnect();
  const sum = (index: number) => found.reduce((total, match) => total + Number(match[index]), 0);
  return { result, scripts: { calls: sum(1), us: sum(2) } };
}

export interface CommandCounts {
  /** Commands sent by clients; a script counts as one. */
  sent: number;
  /** Commands called by scripts. */
  inScripts: number;
}

/**
 * Counts commands by MONITOR, which slows Redis down: not for use while time is measured. By redis-cli: a monitoring ioredis 6
 * fails if commands arrive in the same piece as the reply to MONITOR ("Command queue state error").
 */
export async function commandsDuring(port: number, work: () => Promise<unknown>): Promise<CommandCounts> {
  const args = ['-p', String(port), 'monitor'];
  const monitor = endWithParent(spawn('redis-cli', args, { stdio: ['ignore', 'pipe', 'inherit'] }));
  const lines = createInterface({ input: monitor.stdout });
  const counts = { sent: 0, inScripts: 0 };
  await once(lines, 'line');
  lines.on('line', (line) => {
    if (/^\S+ \[\d+ lua\]/.test(line)) counts.inScripts++;
    else counts.sent++;
  });
  await work();
  monitor.kill();
  await once(monitor, 'exit');
  return counts;
}

/** Commands executed since the start, those of scripts among them. @param at port, or a URL. */
export async function callsIn(at: number | string): Promise<number> {
  const client = connect(at);
  const info = await client.info('stats');
  client.disconnect();
  return Number(/total_commands_processed:(\d+)/.exec(info)![1]);
}

export async function usedMiB(port: number): Promise<number> {
  const client = connect(port);
  const info = await client.info('memory');
  client.disconnect();
  return Number(/used_memory:(\d+)/.exec(info)![1]) / 1024 / 1024;
}

function connect(at: number | string): Redis {
  return typeof at === 'string' ? new Redis(at) : new Redis({ port: at, host: '127.0.0.1' });
}
