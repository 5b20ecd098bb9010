import { globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { portsFrom } from '@lucid/platform/ports';
import { Ajv } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import formats from 'ajv-formats';
import { describe, expect, test } from 'vitest';
import { root } from './tidy/source-files.ts';

// The development container's files, without a container: `pnpm images` starts one.

const folder = join(root, '.devcontainer');
const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
const schema = (name: string) => read(join(root, 'test/devcontainer/schemas', name)) as object;

interface DevContainer {
  readonly build: { readonly dockerfile: string };
  readonly features: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly mounts: readonly { readonly source: string; readonly target: string; readonly type: string }[];
  readonly portsAttributes: Readonly<Record<string, { readonly label?: string }>>;
  readonly [member: string]: unknown;
}
const config = read(join(folder, 'devcontainer.json')) as DevContainer;

/** What the schema finds wrong with a document, as `path message`. */
function problemsOf(ajv: Ajv | Ajv2019, rules: object, document: unknown): string[] {
  formats.default(ajv);
  const validate = ajv.compile(rules);
  validate(document);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}
const strict = { strict: false, allErrors: true };
const problems = (document: unknown) =>
  problemsOf(new Ajv2019(strict), schema('devContainer.base.schema.json'), document);

describe('devcontainer.json', () => {
  test('is what the specification says, and the check would notice if it were not', () => {
    expect(problems(config)).toEqual([]);
    expect(problems({ ...config, waitFor: 'nothing' })).not.toEqual([]);
    expect(problems({ ...config, mounts: [{ target: '/x' }] })).not.toEqual([]);
  });

  test('takes nothing of the host but the workspace: no home, no Docker socket, no privilege of its own', () => {
    expect(config.mounts.map(({ type }) => type)).toEqual(['volume', 'volume']);
    for (const member of ['runArgs', 'privileged', 'capAdd', 'securityOpt', 'workspaceMount', 'initializeCommand']) {
      expect(config[member]).toBeUndefined();
    }
    expect(JSON.stringify(config)).not.toMatch(/docker\.sock|localEnv|~\//);
  });

  test('is used by somebody who is not root, who owns the volumes before anything is written to them', () => {
    expect(config).toMatchObject({ remoteUser: 'node', updateRemoteUserUID: true, init: true });
    const own = (target: string) => target.replace('${containerWorkspaceFolder}/', '');
    expect(config['onCreateCommand']).toBe(
      `sudo chown node:node ${config.mounts
        .map(({ target }) => own(target))
        .toReversed()
        .join(' ')}`,
    );
    expect(config).toMatchObject({ waitFor: 'updateContentCommand' });
  });

  test('names every port of the platform and forwards no other by itself', () => {
    const ports = [...Object.values(portsFrom(8080)), 2222, 7000].map(String);
    expect(Object.keys(config.portsAttributes).toSorted()).toEqual(ports.toSorted());
    for (const [service, port] of Object.entries(portsFrom(8080))) {
      expect(config.portsAttributes[port]?.label).toMatch(new RegExp(`^${service}(:|$)`));
    }
    expect(config['otherPortsAttributes']).toEqual({ onAutoForward: 'ignore' });
  });

  test('pins what comes from a registry by digest, and has Docker from Docker’s packages, as Debian 13 needs', () => {
    const lock = read(join(folder, 'devcontainer-lock.json')) as { features: Record<string, { resolved: string }> };
    const remote = Object.keys(config.features).filter((name) => !name.startsWith('./'));
    expect(Object.keys(lock.features)).toEqual(remote);
    for (const { resolved } of Object.values(lock.features)) expect(resolved).toMatch(/@sha256:[0-9a-f]{64}$/);
    expect(config.features['ghcr.io/devcontainers/features/docker-in-docker:4']).toEqual({ moby: false });
  });
});

describe.each(globSync('features/*', { cwd: folder }))('%s', (feature) => {
  test('is a feature by the specification, is used, and has an installer that can run', () => {
    const document = read(join(folder, feature, 'devcontainer-feature.json'));
    const rules = schema('devContainerFeature.schema.json');
    expect(problemsOf(new Ajv(strict), rules, document)).toEqual([]);
    expect(problemsOf(new Ajv(strict), rules, { ...(document as object), version: 1 })).not.toEqual([]);
    expect(document).toMatchObject({ id: feature.replace('features/', '') });
    expect(config.features[`./${feature}`]).toBeDefined();
    expect(statSync(join(folder, feature, 'install.sh')).mode & 0o111).not.toBe(0);
  });
});
