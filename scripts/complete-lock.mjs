// Run after changing dependencies. Makes package-lock.json complete and independent of a registry:
// - removes download addresses: npm finds packages by name in the configured registry;
// - adds optional packages of other platforms that the configured registry lacks, by name and version, since `npm ci` refuses a
//   lock without them.
import { readFileSync, writeFileSync } from 'node:fs';

const path = 'package-lock.json';
const lock = JSON.parse(readFileSync(path, 'utf8'));
const { packages } = lock;
for (const entry of Object.values(packages)) if (entry.link !== true) delete entry.resolved;

for (const entry of Object.values({ ...packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`;
    const platform = /[-/](android|darwin|freebsd|linux|win32)-(arm64|arm|x64|ia32)(-musl)?$/.exec(name);
    if (place in packages || platform === null) continue;
    packages[place] = {
      version,
      cpu: [platform[2]],
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
      os: [platform[1]],
      ...(platform[3] === undefined ? {} : { libc: ['musl'] }),
    };
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
