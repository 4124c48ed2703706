// What can be checked of the container files without a Docker engine: they parse, refer to existing things, and Sluice
// accepts their configuration.
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { checkReferences } from '#src/config/check-references.ts';
import { parseConfiguration } from '#src/config/load.ts';

const at = (path: string) => new URL(`../../../${path}`, import.meta.url);
const read = (path: string) => readFileSync(at(path), 'utf8');

interface Service {
  command?: string[];
  environment?: Record<string, string>;
  image?: string;
  build?: string;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
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
      expect(read('src/cli/program.ts')).toContain(`.command('${command}')`);
    }
  });

  test('runs Redis with the settings that Sluice needs', () => {
    const command = compose.services.redis!.command!.join(' ');
    expect(command).toContain('appendonly yes');
    expect(command).toContain('maxmemory-policy noeviction');
    expect(command).toContain('requirepass');
    // SIGTERM must reach the server itself.
    expect(command).toContain('exec redis-server');
  });

  test('waits for existing services, and keeps data in declared volumes', () => {
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

  test('checks a worker’s health at the right port', () => {
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

  test('pins images that it does not build, and drops privileges of every container', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      if (service.build === undefined) expect(service.image, name).toMatch(/@sha256:[0-9a-f]{64}$/);
      expect(service, name).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
      expect(service.security_opt, name).toContain('no-new-privileges:true');
    }
  });

  test('contains no secret, and gives each service only the secrets that it needs', () => {
    const text = read('docker-compose.yml');
    const wanted = [...text.matchAll(/\$\{([A-Z_]*(?:PASSWORD|SECRETS?_KEY|API_KEY|ADMIN_KEY))(:[-?])([^}]*)\}/g)];
    for (const [, name, operator, fallback] of wanted) {
      expect(operator === ':?' || fallback === '', `${name} has a default`).toBe(true);
    }
    const secretsOf = (name: string) =>
      Object.entries(compose.services[name]!.environment ?? {})
        .filter(([, value]) => String(value).includes('${'))
        .flatMap(([, value]) => [...String(value).matchAll(/\$\{([A-Z_]+)/g)].map(([, variable]) => variable));
    expect(secretsOf('api')).not.toContain('OPENAI_API_KEY');
    expect(secretsOf('worker')).not.toContain('SLUICE_ADMIN_KEY');
    expect(secretsOf('worker')).not.toContain('SLUICE_API_KEY');
    expect(secretsOf('simulator')).toEqual([]);
    for (const [, name] of wanted) expect(read('deploy/example.env')).toContain(`${name}=`);
  });

  test('has a valid configuration', () => {
    const variables = Object.fromEntries(
      Object.entries(compose.services.api!.environment!).map(([name, value]) => [
        name,
        value.replace(/\$\{[^}]*\}/g, 'filled'),
      ]),
    );
    const configuration = parseConfiguration(read('deploy/sluice.yaml'), 'deploy/sluice.yaml', variables);
    expect(checkReferences(configuration)).toEqual([]);
    expect(configuration.server.host).toBe('0.0.0.0');
  });
});

test('the image contains what the processes need, and starts the command without a shell', () => {
  const image = read('Dockerfile');
  for (const [, source] of image.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
    for (const path of source!.split(' ')) {
      expect(existsSync(at(path)), path).toBe(true);
      expect(read('.dockerignore')).toContain(`!${path.split('/')[0]}`);
    }
  }
  expect(image).toMatch(/^ARG BASE=\S+@sha256:[0-9a-f]{64}$/m);
  for (const [, base] of image.matchAll(/^FROM (\S+)/gm)) expect(base).toBe('${BASE}');
  expect(image).toContain('npm ci --omit=dev --ignore-scripts');
  expect(image).toContain('ENTRYPOINT ["node", "bin/sluice.mjs"]');
  expect(image).toMatch(/^USER 1000:1000$/m);
  expect(image).toMatch(/^HEALTHCHECK /m);
  // Without this a build contains what must not be there: sources that are compiled, and a list of the content.
  expect(image).toMatch(/^RUN node scripts\/build\.mjs$/m);
  expect(image).toContain('npm sbom --omit=dev');
});

test('every installed package has a content hash, and none runs install scripts unless allowed', () => {
  const lock = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { integrity?: string; resolved?: string; optional?: boolean; link?: boolean }>;
  };
  const unbound = Object.entries(lock.packages)
    // Sluice's own (`simulator`, and its link) are not downloaded packages.
    .filter(([path, { link }]) => path.includes('node_modules/') && link !== true)
    .filter(
      ([path, { integrity, optional }]) => integrity === undefined && !(optional === true && !existsSync(at(path))),
    )
    .map(([path]) => path);
  expect(unbound).toEqual([]);
  // Without it npm ignores the file.
  const links = Object.values(lock.packages).filter(({ link }) => link === true);
  expect(links.map(({ resolved }) => resolved)).toEqual(['scripts/admin-types', 'simulator']);
  expect(read('scripts/set-up.mjs')).toContain("'--ignore-scripts'");
});

test.each(globSync(['.ci/*', 'deploy/**/*.sh'], { cwd: at('.') }))('%s is a valid bash script', (path) => {
  expect(spawnSync('bash', ['-n', fileURLToPath(at(path))], { encoding: 'utf8' }).stderr).toBe('');
});

describe('the units for systemd', () => {
  const units = globSync('deploy/systemd/*.service', { cwd: at('.') }).sort();
  const setting = (text: string, name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1];

  test.each(units)('%s starts a process that exists, and stops it as it has to be stopped', (path) => {
    const text = read(path);
    const [, command] = /^ExecStart=\/usr\/local\/bin\/sluice (\S+)/m.exec(text)!;
    expect(read('src/cli/program.ts')).toMatch(new RegExp(`\\.command\\('${command}'\\)`));
    expect(setting(text, 'RestartPreventExitStatus')).toBe('78');
    expect(Number(setting(text, 'TimeoutStopSec')) * 1_000).toBeGreaterThan(
      parseConfiguration('{}', 'none', {}).server.shutdown_grace_ms,
    );
  });

  test('systemd understands every line of them', ({ skip }) => {
    if (spawnSync('systemd-analyze', ['--version']).status !== 0) skip('needs systemd-analyze');
    const folder = mkdtempSync(join(tmpdir(), 'sluice-units-'));
    try {
      const paths = units.map((path) => join(folder, path.split('/').at(-1)!.replace('@.', '@9090.')));
      // It also looks for the program.
      for (const [index, path] of paths.entries())
        writeFileSync(path, read(units[index]!).replaceAll('/usr/local/bin/sluice', process.execPath));
      const { stderr, status } = spawnSync('systemd-analyze', ['verify', ...paths], { encoding: 'utf8' });
      expect(stderr.split('\n').filter((line) => line.includes(folder) || line.startsWith('sluice'))).toEqual([]);
      expect(status).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
