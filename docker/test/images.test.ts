import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { version } from '@lucid/common/runtime/version';
import { describe, expect, test } from 'vitest';
import { root } from '../bundle/bundle.ts';
import { type Image, images } from '../bundle/images.ts';

const services = globSync('services/*/package.json', { cwd: root }).map((path) => path.split('/')[1] ?? '');

const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** The build arguments of an image, as docker/service.Dockerfile names them. */
function buildArgs({ tag, kind, state, prefix, port, portVariable, ports, threads }: Image): Record<string, string> {
  return {
    IMAGE: tag,
    STATE: state,
    ...(kind === 'service' && { PREFIX: prefix, PORT: String(port) }),
    ...(portVariable && { PORT_VARIABLE: portVariable }),
    ...(ports && { PORTS: String(ports) }),
    ...(threads && { NODE_FLAGS: '--max-semi-space-size=2' }),
  };
}

/** `A = "b", C = 1` (HCL) and `A: b, C: 1` (YAML) as a record. */
function pairsOf(text: string): Record<string, string> {
  const pairs = text.matchAll(/(\w+)\s*[=:]\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))/g);
  return Object.fromEntries(
    [...pairs].map(([, key = '', ...values]) => [key, values.find((v) => v !== undefined) ?? '']),
  );
}

describe('the table of images', () => {
  test('each service has one image of its own', () => {
    const entries = images.map(({ entry }) => entry);
    for (const service of services) {
      expect(entries.filter((entry) => entry === `services/${service}/src/main.ts`)).toHaveLength(1);
    }
    expect(new Set(images.map(({ tag }) => tag)).size).toBe(images.length);
    expect(new Set(entries).size).toBe(images.length);
  });

  test.each(images.filter(({ kind }) => kind === 'service'))('$tag listens where its service says', async (image) => {
    const config = join(root, image.entry, '../config.ts');
    const { configSchema } = (await import(pathToFileURL(config).href)) as {
      configSchema: Record<string, { name: string; default?: unknown } | undefined>;
    };
    const byName = new Map(Object.values(configSchema).map((variable) => [variable?.name, variable?.default]));
    expect(byName.get(image.portVariable ?? `${image.prefix}_PORT`)).toBe(image.port);
    expect(byName.has(`${image.prefix}_HOST`)).toBe(true);
    const dataDir = byName.get(`${image.prefix}_DATA_DIR`);
    if (image.tag !== 'platform' && dataDir !== undefined) expect(dataDir).toBe(`/var/lib/${image.state}`);
  });

  test('docker-bake.hcl builds it', () => {
    const text = read('docker-bake.hcl');
    const rows = [...text.matchAll(/\{ (tag = [^}]*) \}/g)].map(([, row = '']) => {
      const { tag = '', state = '', prefix = '', port = '' } = pairsOf(row);
      return { IMAGE: tag, STATE: state, PREFIX: prefix, PORT: port };
    });
    const blocks = [...text.matchAll(/args\s*= \{([^}]*IMAGE\s*=\s*"[^}]*)\}/g)].map(([, block = '']) =>
      pairsOf(block),
    );
    const byTag = (a: Record<string, string>, b: Record<string, string>) =>
      (a['IMAGE'] ?? '').localeCompare(b['IMAGE'] ?? '');
    expect([...rows, ...blocks].toSorted(byTag)).toEqual(images.map(buildArgs).toSorted(byTag));
  });

  test('the Compose files build it', () => {
    const all = globSync('compose/*.yaml', { cwd: root }).map(read).join('\n');
    const built = [...all.matchAll(/args: \{([^}]*IMAGE[^}]*)\}/g)].map(([, args = '']) => pairsOf(args));
    expect(built.length).toBeGreaterThan(0);
    for (const args of built) {
      const image = images.find(({ tag }) => tag === args['IMAGE']);
      expect(args).toEqual(image && buildArgs(image));
    }
  });

  test('the version is the manifests’', () => {
    for (const path of globSync(['package.json', '{packages,services}/*/package.json'], { cwd: root })) {
      expect([path, (JSON.parse(read(path)) as { version: string }).version]).toEqual([path, version]);
    }
  });
});
