import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { images as nodeImages } from '../../docker/bundle/images.ts';
import { platformImages } from './build.ts';
import { root } from './config.ts';
import { debianImages } from './rootfs.ts';

interface WorkflowStep {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, string>>;
}

interface Job {
  readonly uses?: string;
  readonly needs?: string;
  readonly 'timeout-minutes'?: number;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly string[]>> };
  readonly steps?: readonly WorkflowStep[];
}

interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const paths = globSync('.github/workflows/*.yml', { cwd: root });
const read = (path: string) => parse(readFileSync(join(root, path), 'utf8')) as Workflow;
const release = read('.github/workflows/release.yml');
const commandsOf = ({ steps = [] }: Job) => steps.map((step) => step.run ?? '').join('\n');

describe.each(paths)('%s', (path) => {
  const { jobs, permissions } = read(path);

  test('takes every action by the commit of a version', () => {
    const lines = readFileSync(join(root, path), 'utf8').split('\n');
    const uses = lines.filter((line) => /\buses: /.test(line) && !line.includes('uses: ./'));
    expect(uses.length).toBeGreaterThan(0);
    expect(uses.filter((line) => !/uses: [\w-]+\/[\w-]+@[\da-f]{40} # v\d+\.\d+\.\d+$/.test(line))).toEqual([]);
  });

  test('may only read unless a job says otherwise, and every job ends', () => {
    expect(permissions).toEqual({ contents: 'read' });
    const endless = Object.entries(jobs).filter(([, job]) => job.uses === undefined && !job['timeout-minutes']);
    expect(endless.map(([name]) => name)).toEqual([]);
  });
});

describe('a release', () => {
  const { ci, build, scan, sign } = release.jobs;

  test('checks, builds, scans and signs, in this order', () => {
    expect(basename(ci?.uses ?? '')).toBe('ci.yml');
    expect([build?.needs, scan?.needs, sign?.needs]).toEqual(['ci', 'build', 'scan']);
    expect(sign?.permissions).toEqual({ contents: 'read', 'id-token': 'write' });
    expect(commandsOf(sign as Job)).toContain('cosign sign --yes --recursive');
  });

  test('refuses stand-ins, before and after the push', () => {
    const commands = commandsOf(build as Job);
    expect(commands).toContain('pnpm images --release');
    expect(commands.indexOf('dev.lucid.base.standin')).toBeGreaterThan(commands.indexOf('type=registry'));
  });

  test('scans by digest what it signs by digest, and verifies a base by the digest it builds on', () => {
    const scanned = scan?.steps?.flatMap(({ with: inputs = {} }) => inputs['image'] ?? inputs['image-ref'] ?? []);
    expect(scanned).toEqual(['${{ env.IMAGE }}', '${{ env.IMAGE }}']);
    expect(commandsOf(scan as Job)).toContain('digests.txt');
    expect(commandsOf(build as Job)).toContain('cosign verify "$2@$digest"');
  });

  test('scans every image', () => {
    const all = [...platformImages, ...debianImages, ...nodeImages.map(({ tag }) => tag)];
    expect(scan?.strategy?.matrix['tag']?.toSorted()).toEqual([...new Set(all)].toSorted());
    expect(scan?.strategy?.matrix['platform']).toEqual(['linux/amd64', 'linux/arm64']);
  });
});
