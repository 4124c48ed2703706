// Serves the console's build (scripts/build-console.mjs): a page and its hashed assets, precompressed, held in memory. The page may
// load from and call this listener only.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { routeNotFound } from '../request-target.ts';

/** Next to the built code in a package, in `dist/` in a checkout. */
const BUILT = import.meta.url.endsWith('.ts') ? '../../../dist/console/' : '../../../console/';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Own scripts and styles only, no inline ones, no framing, no form submissions, no HTML injection (trusted types). */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const SECURITY_HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
};

interface Asset {
  type: string;
  etag: string;
  bytes: Buffer;
  /** By content coding, best first. */
  compressed: readonly (readonly [coding: string, bytes: Buffer])[];
}

export function registerConsole(app: FastifyInstance, folder = fileURLToPath(new URL(BUILT, import.meta.url))): void {
  const assets = loadAssets(folder);
  const page = assets.get('index.html');
  const options = { config: { cors: false, isOffered: false } };

  app.get('/console', options, (request, reply) => sendPage(request, reply));
  app.get<{ Params: { '*': string } }>('/console/*', options, (request, reply) => {
    const name = request.params['*'];
    const asset = assets.get(name);
    // Routes of the single-page application have no extension.
    if (asset === undefined && extname(name) === '') return sendPage(request, reply);
    if (asset === undefined) throw new FailureError(routeNotFound(request));
    return send(request, reply, asset, name.startsWith('assets/'));
  });

  async function sendPage(request: FastifyRequest, reply: FastifyReply) {
    if (page !== undefined) return send(request, reply, page, false);
    throw new FailureError(
      createFailure('route_not_found', 'The console has not been built: run "npm run build:console" and restart.'),
    );
  }
}

async function send(request: FastifyRequest, reply: FastifyReply, asset: Asset, isHashed: boolean) {
  reply.headers({
    ...SECURITY_HEADERS,
    'content-type': asset.type,
    'cache-control': isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
    etag: asset.etag,
    vary: 'accept-encoding',
  });
  if (request.headers['if-none-match'] === asset.etag) return reply.code(304).send();
  const accepted = request.headers['accept-encoding'] ?? '';
  const [coding, bytes] = asset.compressed.find(([name]) => accepted.includes(name)) ?? [null, asset.bytes];
  if (coding !== null) reply.header('content-encoding', coding);
  return reply.send(bytes);
}

function loadAssets(folder: string): Map<string, Asset> {
  const assets = new Map<string, Asset>();
  if (!existsSync(folder)) return assets;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = readFileSync(path);
    const compressed = CODINGS.flatMap(([coding, extension]) =>
      existsSync(path + extension) ? [[coding, readFileSync(path + extension)] as const] : [],
    );
    const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
    assets.set(relative(folder, path).replaceAll('\\', '/'), { type, etag, bytes, compressed });
  }
  return assets;
}

const CODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;
