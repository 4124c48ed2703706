#!/usr/bin/env node
// `npm run helm`: lints the chart, renders it with every values file of deploy/helm/ci, and validates the result against the
// schemas of Kubernetes. helm and kubeconform are built with Go in the versions below, the schemas come from a Python package;
// all of them are cached outside the checkout. Kinds of other projects (KEDA, the Prometheus operator) have no schema there.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const CHART = join(ROOT, 'deploy/helm/sluice');
const VALUES = join(ROOT, 'deploy/helm/ci');
const CACHE = process.env.SLUICE_TOOLS ?? join(homedir(), '.cache/sluice-tools');
const TOOLS = {
  helm: 'helm.sh/helm/v3/cmd/helm@v3.19.0',
  kubeconform: 'github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0',
};
const SCHEMAS = 'kubernetes-validate==1.37.0';
/** The oldest version that the chart supports, and the newest known one. */
const KUBERNETES = ['1.25.0', '1.37.0'];
const WITHOUT_SCHEMA = ['ScaledObject', 'PodMonitor', 'PrometheusRule'];

if (!has('go')) {
  console.log('npm run helm: Go is not installed, so helm and kubeconform cannot be built; nothing was checked');
  process.exit(0);
}
mkdirSync(CACHE, { recursive: true });
for (const [name, module] of Object.entries(TOOLS)) build(name, module);
const schemas = KUBERNETES.map((version) => ({ version, folder: schemasOf(version) }));
const work = mkdtempSync(join(tmpdir(), 'sluice-helm-'));
try {
  for (const file of readdirSync(VALUES).sort()) check(file);
} finally {
  rmSync(work, { recursive: true, force: true });
}

function check(file) {
  const values = ['--values', join(VALUES, file)];
  run('helm', ['lint', '--strict', '--quiet', '--kube-version', KUBERNETES.at(-1), CHART, ...values]);
  for (const { version, folder } of schemas) {
    const rendered = join(work, `${version}-${file}`);
    const release = ['template', 'release', CHART, '--namespace', 'sluice', '--kube-version', version];
    writeFileSync(rendered, run('helm', [...release, ...values]));
    const location = join(folder, '{{.ResourceKind}}{{.KindSuffix}}.json');
    const skipped = ['-skip', WITHOUT_SCHEMA.join(',')];
    const args = ['-strict', '-summary', '-kubernetes-version', version, '-schema-location', location, ...skipped];
    console.log(
      `${file}, Kubernetes ${version}: ${run('kubeconform', [...args, rendered])
        .trim()
        .split('\n')
        .at(-1)}`,
    );
  }
}

function build(name, module) {
  if (existsSync(join(CACHE, name))) return;
  console.log(`building ${module} …`);
  const environment = { ...process.env, GOBIN: CACHE, GOFLAGS: '-buildvcs=false' };
  const { status } = spawnSync('go', ['install', module], { stdio: 'inherit', env: environment });
  if (status !== 0) giveUp(`go install ${module} failed`);
}

/**
 * Creates standalone schemas for one version of Kubernetes: those in the package refer to a common file by an address that
 * kubeconform does not resolve.
 */
function schemasOf(version) {
  const folder = join(CACHE, `kubernetes-${version}`);
  if (existsSync(folder)) return folder;
  const packages = join(CACHE, 'python');
  const quiet = ['--quiet', '--no-deps', '--root-user-action=ignore', '--disable-pip-version-check'];
  if (!existsSync(packages))
    spawnSync('pip', ['install', ...quiet, '--target', packages, SCHEMAS], { stdio: 'inherit' });
  const from = join(packages, `kubernetes_validate/kubernetes-json-schema/v${version}-local-strict`);
  if (!existsSync(from)) giveUp(`the Python package has no schemas of Kubernetes ${version} (${SCHEMAS})`);
  const read = (name) => JSON.parse(readFileSync(join(from, name), 'utf8').replaceAll('/api/_definitions.json#', '#'));
  const { $defs } = read('_definitions.json');
  mkdirSync(folder);
  for (const name of readdirSync(from).filter((name) => isWanted(name))) {
    const { $id: _id, $schema: _schema, ...schema } = read(name);
    writeFileSync(join(folder, name), JSON.stringify({ ...schema, $defs }));
  }
  return folder;
}

/** Only kinds that a chart like this may use, because each schema includes all definitions. */
function isWanted(name) {
  return /^(configmap|cronjob|deployment|horizontalpodautoscaler|ingress|job|networkpolicy|persistentvolumeclaim|pod|poddisruptionbudget|role|rolebinding|secret|service|serviceaccount|statefulset)(-[a-z.]+)?-v\d\w*\.json$/.test(
    name,
  );
}

function run(name, args) {
  const { stdout, stderr, status } = spawnSync(join(CACHE, name), args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status !== 0) giveUp(`${name} ${args.slice(0, 2).join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

function has(command) {
  return spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;
}

function giveUp(why) {
  console.error(`npm run helm: ${why}`);
  process.exit(1);
}
