// What can be said of the container files without a Docker engine: they parse, name what exists, and their
// configuration is one that Sluice takes.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { checkReferences } from '#src/config/check-references.ts';
import { parseConfiguration } from '#src/config/load.ts';

const at = (path: string) => new URL(`../../../${path}`, import.meta.url);
const read = (path: string) => readFileSync(at(path), 'utf8');

interface Service {
  command?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  depends_on?: Record<string, unknown>;
  ports?: string[];
  healthcheck?: unknown;
}
const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};

describe('docker-compose.yml', () => {
  test('has Redis, PostgreSQL, the API and workers that can be scaled', () => {
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(['redis', 'postgres', 'api', 'worker']));
    expect(compose.services.worker).not.toHaveProperty('container_name');
    expect(compose.services.worker).not.toHaveProperty('ports');
  });

  test('starts processes by commands that exist', () => {
    for (const name of ['api', 'worker', 'simulator']) {
      const [command] = compose.services[name]!.command!;
      expect(read('src/cli.ts')).toContain(`.command('${command}')`);
    }
  });

  test('runs Redis as the broker needs it', () => {
    const command = compose.services.redis!.command!.join(' ');
    expect(command).toContain('--appendonly yes');
    expect(command).toContain('--maxmemory-policy noeviction');
  });

  test('waits for services that are there, and keeps data in volumes that are declared', () => {
    for (const service of Object.values(compose.services)) {
      for (const needed of Object.keys(service.depends_on ?? {}))
        expect(compose.services[needed]?.healthcheck).toBeDefined();
      for (const volume of service.volumes ?? []) {
        const [source] = volume.split(':');
        if (source!.startsWith('.')) expect(existsSync(at(source!))).toBe(true);
        else expect(compose.volumes).toHaveProperty(source!);
      }
    }
  });

  test('asks a worker for its health where it listens', () => {
    const { command, healthcheck } = compose.services.worker!;
    const port = command![command!.indexOf('--health-port') + 1];
    expect(JSON.stringify(healthcheck)).toContain(`http://127.0.0.1:${port}/healthz`);
    expect(read('Dockerfile')).toContain('HOST=0.0.0.0');
  });

  test('publishes its port on loopback only', () => {
    for (const service of Object.values(compose.services)) {
      for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
    }
  });

  test('has a configuration that Sluice takes', () => {
    const variables = compose.services.api!.environment!;
    const configuration = parseConfiguration(read('deploy/sluice.yaml'), 'deploy/sluice.yaml', variables);
    expect(checkReferences(configuration)).toEqual([]);
    expect(configuration.server.host).toBe('0.0.0.0');
  });
});

test('the image has what the processes need, and starts the command without a shell', () => {
  const image = read('Dockerfile');
  for (const [, source] of image.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
    for (const path of source!.split(' ')) {
      expect(existsSync(at(path)), path).toBe(true);
      expect(read('.dockerignore')).toContain(`!${path.split('/')[0]}`);
    }
  }
  expect(image).toContain('ENTRYPOINT ["node", "bin/sluice.mjs"]');
  expect(image).toMatch(/^USER node$/m);
});
