// The shape of the code, in figures: how many files there are and how long, which have a single importer, and which
// references in comments and docs lead nowhere. `--json` prints all of it as data; `--check` ends with status 1 when there
// are dead references; `--root DIR` looks at another checkout.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    root: { type: 'string', default: fileURLToPath(new URL('..', import.meta.url)) },
    json: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
});
const ROOT = options.root;

/** The product; each that exists is counted. */
const TREES = ['src', 'workers', 'simulator'];
/** Comments are read here too. */
const OTHER_CODE = ['test', 'bench', 'scripts', 'bin', 'deploy', 'findings'];
/** A file that is shorter and has its only importer beside it could stand in that importer. */
const SHORT_LINES = 60;
const SHOWN = 20;

const NOT_OURS = new Set(['node_modules', 'dist', 'coverage']);
/** All files below `folder`, from the root, without what is generated or installed. */
function walk(folder) {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) return [path];
    return NOT_OURS.has(entry.name) || entry.name.startsWith('.') ? [] : walk(path);
  });
}

const everything = walk('').sort();
const select = (trees, endings) =>
  everything.filter((path) => trees.includes(path.split('/')[0]) && endings.includes(path.split('.').at(-1)));
const fileNames = new Set(everything.map((path) => basename(path)));
const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const linesOf = (text) => text.split('\n').length - (text.endsWith('\n') ? 1 : 0);

const isTest = (path) => /(^|\/)tests?\/|\.test\.ts$/.test(path);
/** Nobody reads it: `npm run generate`. */
const GENERATED = 'src/contracts/admin-api.ts';
const product = select(TREES, ['ts', 'lua']).filter((path) => !isTest(path) && path !== GENERATED);
const commented = select([...TREES, ...OTHER_CODE], ['ts', 'mjs', 'js', 'lua', 'sh', 'py']);
const documents = everything.filter((path) => path.endsWith('.md'));

const IMPORT = /(?:^|\n)\s*(?:import|export)\s(?:[^'"]*?\sfrom\s)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;
/** `#src/*` and the like, as package.json has them. */
const aliases = Object.entries(JSON.parse(read('package.json')).imports ?? {})
  .filter(([alias, target]) => alias.endsWith('*') && typeof target === 'string')
  .map(([alias, target]) => ({ start: alias.slice(0, -1), folder: normalize(target.slice(0, -1)) }));

/** Path of the imported file from the root, or null for a package. */
function targetOf(file, specifier) {
  if (specifier.startsWith('.')) return normalize(join(dirname(file), specifier));
  const alias = aliases.find(({ start }) => specifier.startsWith(start));
  return alias === undefined ? null : alias.folder + specifier.slice(alias.start.length);
}

/** Importers within the product: a test that imports a file does not give it a second user. */
function importersOf(files) {
  const importers = new Map(files.map((file) => [file, new Set()]));
  for (const file of files) {
    for (const [, fixed, dynamic] of read(file).matchAll(IMPORT))
      importers.get(targetOf(file, fixed ?? dynamic))?.add(file);
  }
  return importers;
}

function figuresOf(files) {
  const lengths = files.map((path) => ({ path, lines: linesOf(read(path)) })).sort((a, b) => a.lines - b.lines);
  const middle = Math.floor(lengths.length / 2);
  const median =
    lengths.length % 2 === 1 ? lengths[middle].lines : (lengths[middle - 1].lines + lengths[middle].lines) / 2;
  return {
    files: lengths.length,
    lines: lengths.reduce((sum, { lines }) => sum + lines, 0),
    median,
    largest: lengths.at(-1),
  };
}

function singleImporters(files) {
  return [...importersOf(files)]
    .filter(([, importers]) => importers.size === 1)
    .map(([path, importers]) => {
      const [importer] = importers;
      const lines = linesOf(read(path));
      return { path, importer, lines, isShortSibling: dirname(path) === dirname(importer) && lines < SHORT_LINES };
    });
}

const TOP_FOLDERS = [...TREES, ...OTHER_CODE, 'docs'].join('|');
/** From the root, below one of its folders; not the end of a longer path or of an address. */
const PATH = new RegExp(`(?<![\\w./@:#-])(?:\\./)?((?:${TOP_FOLDERS})/[\\w./*-]*[\\w*/])`, 'g');
/** A file by its name alone: `run-attempt.ts`. */
const NAME = /(?<![\w./*:-])[a-z][a-z0-9]*(?:-[a-z0-9]+)*\.(?:ts|lua|mjs)\b(?![\w/-])/g;
/** Upwards from the file that names it; `./name.ts` may be an example of an argument. */
const RELATIVE = /(?<![\w/@.])\.\.\/(?!shared\b)[\w./-]+\.(?:ts|lua|mjs|md)\b/g;
const OUTSIDE = /(?:\.\.\/|\/work\/)shared\b[\w./-]*/g;
const MARKDOWN_LINK = /\]\(([^)\s]+)\)/g;
const COMMENT = {
  lua: /--.*$/gm,
  sh: /(?:^|\s)#.*$/gm,
  py: /(?:^|\s)#.*$/gm,
  default: /\/\*[\s\S]*?\*\/|(?<=^|[\s;{}(,])\/\/.*$/gm,
};

/** The text with all but its comments blanked, so that line numbers stay. */
function commentsOf(path) {
  const text = read(path);
  const pattern = COMMENT[path.split('.').at(-1)] ?? COMMENT.default;
  const blank = text.replace(/[^\n]/g, ' ');
  let result = '';
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    result += blank.slice(end, match.index) + match[0];
    end = match.index + match[0].length;
  }
  return result + blank.slice(end);
}

/** Folders that git ignores are there once something has been generated. */
const generated = read('.gitignore')
  .split('\n')
  .filter((line) => line.endsWith('/'));

/** A path with `*` must match something; one without an extension may name a file (`src/limits/permit`). */
function exists(path) {
  if (generated.some((folder) => `${path}/`.startsWith(folder))) return true;
  const pattern = path
    .replace(/\/$/, '')
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/\*\*?/g, '[^ ]*');
  const matching = new RegExp(`^${pattern}(?:$|[./])`);
  return existsSync(join(ROOT, path)) || everything.some((file) => matching.test(file));
}

const anchors = new Map();
/** As GitHub makes them of headings. */
function anchorsOf(path) {
  if (!anchors.has(path)) {
    const headings = [...read(path).matchAll(/^#{1,6} +(.+)$/gm)].map(([, title]) =>
      title
        .trim()
        .toLowerCase()
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-'),
    );
    anchors.set(path, new Set(headings));
  }
  return anchors.get(path);
}

function isDeadLink(from, link) {
  if (/^[a-z][a-z+.-]*:|^\/\//i.test(link)) return false;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? from : normalize(join(dirname(from), decodeURI(path)));
  if (target.startsWith('..') || !existsSync(join(ROOT, target))) return true;
  return anchor !== undefined && anchor !== '' && target.endsWith('.md') && !anchorsOf(target).has(anchor);
}

function deadIn(path, text, isMarkdown) {
  const dead = [];
  const note = (reference, index) => dead.push({ path, line: text.slice(0, index).split('\n').length, reference });
  for (const { 0: reference, index } of text.matchAll(OUTSIDE)) note(reference, index);
  for (const { 1: reference, index } of text.matchAll(PATH)) {
    // A workspace, such as the simulator, names its files from its own root.
    if (!exists(reference) && !exists(join(path.split('/')[0], reference))) note(reference, index);
  }
  for (const { 0: name, index } of text.matchAll(NAME)) if (!fileNames.has(name)) note(name, index);
  if (!isMarkdown) {
    for (const { 0: link, index } of text.matchAll(RELATIVE)) if (isDeadLink(path, link)) note(link, index);
    return dead;
  }
  for (const { 1: link, index } of text.matchAll(MARKDOWN_LINK)) if (isDeadLink(path, link)) note(link, index);
  return dead;
}

function deadReferences() {
  return [
    ...commented.flatMap((path) => deadIn(path, commentsOf(path), false)),
    ...documents.flatMap((path) => deadIn(path, read(path), true)),
  ];
}

const single = singleImporters(product.filter((path) => path.endsWith('.ts')));
const shape = {
  total: figuresOf(product),
  trees: Object.fromEntries(
    TREES.map((tree) => [tree, product.filter((path) => path.startsWith(`${tree}/`))])
      .filter(([, files]) => files.length > 0)
      .map(([tree, files]) => [tree, figuresOf(files)]),
  ),
  singleImporter: { files: single.length, shortSiblings: single.filter(({ isShortSibling }) => isShortSibling) },
  deadReferences: deadReferences(),
};

function listed(items, format) {
  for (const item of items.slice(0, SHOWN)) console.log(`  ${format(item)}`);
  if (items.length > SHOWN) console.log(`  … and ${items.length - SHOWN} more (--json has all)`);
}

if (options.json) console.log(JSON.stringify(shape, null, 2));
else {
  for (const [tree, { files, lines, median, largest }] of [...Object.entries(shape.trees), ['total', shape.total]]) {
    console.log(
      `${tree.padEnd(10)} ${files} files, ${lines} lines; median ${median}, largest ${largest.lines} (${largest.path})`,
    );
  }
  const { files, shortSiblings } = shape.singleImporter;
  console.log(
    `\nfiles with a single importer: ${files}; in the same folder and under ${SHORT_LINES} lines: ${shortSiblings.length}`,
  );
  listed(
    shortSiblings,
    ({ path, lines, importer }) => `${path} (${lines}), imported by ${relative(dirname(path), importer)}`,
  );
  console.log(`\ndead references: ${shape.deadReferences.length}`);
  listed(shape.deadReferences, ({ path, line, reference }) => `${path}:${line}: ${reference}`);
}
if (options.check && shape.deadReferences.length > 0) process.exitCode = 1;
