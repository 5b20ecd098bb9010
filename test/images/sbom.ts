import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuiltImage, debianPackages } from './audit/image.ts';
import { nodePath } from './audit/root-filesystem.ts';
import { root } from './config.ts';
import { sha256 } from './oci.ts';

/** A component of a CycloneDX 1.6 document, as far as it is used here. */
interface Component {
  readonly type: 'library' | 'application' | 'operating-system' | 'container';
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  readonly cpe?: string;
  readonly licenses?: readonly { readonly expression: string }[];
}

/** A software bill of materials: CycloneDX 1.6 (ECMA-424), JSON. */
export interface Bom {
  readonly $schema: string;
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: '1.6';
  readonly serialNumber: string;
  readonly version: 1;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

/** esbuild's metafile, as far as it tells what went into a bundle. */
interface Metafile {
  readonly outputs: Readonly<
    Record<string, { readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>> }>
  >;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression; old manifests have an object. */
  readonly license?: string | { readonly type?: string };
}

/**
 * What an image consists of: Debian's packages by its own records, Node by the version in the program, npm packages by
 * what esbuild put into the bundle and by the manifests of those that stand beside it. The same image gives the same
 * bytes.
 * @param metafile path of the bundle's metafile; undefined for an image without one
 */
export function billOfMaterials(image: BuiltImage, version: string, metafile: string | undefined): Bom {
  const { tag, architecture } = image;
  const container: Component = {
    type: 'container',
    'bom-ref': `lucid:${tag}`,
    name: `lucid-${tag}`,
    version,
    purl: `pkg:oci/lucid?${new URLSearchParams({ arch: architecture, tag })}`,
  };
  const components = [
    { type: 'operating-system', 'bom-ref': 'debian', name: 'debian', version: '13' } as const,
    ...debianComponents(image),
    ...nodeComponents(image),
    ...npmComponents(image, metafile),
  ];
  const serial = sha256(JSON.stringify([container, components])).slice('sha256:'.length);
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(serial)}`,
    version: 1,
    metadata: { component: container },
    components,
    dependencies: [{ ref: container['bom-ref'], dependsOn: components.map((component) => component['bom-ref']) }],
  };
}

function debianComponents({ files }: BuiltImage): Component[] {
  return debianPackages(files).map(({ name, version, architecture }) => {
    const query = new URLSearchParams({ arch: architecture, distro: 'debian-13' });
    const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?${query}`;
    return { type: 'library', 'bom-ref': purl, name, version, purl };
  });
}

function nodeComponents({ files }: BuiltImage): Component[] {
  const node = files.get(nodePath);
  if (node === undefined) return [];
  const version = node.nodeVersion;
  if (version === undefined) throw new Error(`${nodePath} does not tell its version`);
  const purl = `pkg:generic/nodejs@${version}`;
  const cpe = `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`;
  return [{ type: 'application', 'bom-ref': purl, name: 'node', version, purl, cpe }];
}

function npmComponents({ files }: BuiltImage, metafile: string | undefined): Component[] {
  const beside = [...files.values()].filter(({ path }) => /^\/app\/node_modules\/.+\/package\.json$/.test(path));
  const manifests = [
    ...beside.map(({ text = '{}' }) => JSON.parse(text) as Manifest),
    ...(metafile === undefined ? [] : bundledManifests(metafile)),
  ];
  const components = manifests.map(({ name, version, license }): Component => {
    const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
    const expression = typeof license === 'string' ? license : license?.type;
    const licenses = expression === undefined ? {} : { licenses: [{ expression }] };
    return { type: 'library', 'bom-ref': purl, name, version, purl, ...licenses };
  });
  return [...new Map(components.map((component) => [component['bom-ref'], component])).values()].toSorted((a, b) =>
    a['bom-ref'].localeCompare(b['bom-ref']),
  );
}

/** The manifests of the packages of which something is in the bundle. */
function bundledManifests(metafile: string): Manifest[] {
  const { outputs } = JSON.parse(readFileSync(metafile, 'utf8')) as Metafile;
  const inputs = Object.values(outputs).flatMap((output) =>
    Object.entries(output.inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  const folders = inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? []);
  return [...new Set(folders)].map(
    (folder) => JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest,
  );
}

/** A UUID of version 8 (RFC 9562: one's own rule) from hexadecimal digits. */
function uuidOf(hex: string): string {
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `${variant}${hex.slice(17, 20)}`];
  return [...parts, hex.slice(20, 32)].join('-');
}

/** What is wrong with a document: its shape, doubled or dangling references, purls that are none. */
export function bomFaults(bom: Bom): string[] {
  const all = [bom.metadata.component, ...bom.components];
  const refs = all.map((component) => component['bom-ref']);
  const known = new Set(refs);
  const cited = bom.dependencies.flatMap(({ ref, dependsOn = [] }) => [ref, ...dependsOn]);
  const purl = /^pkg:(deb\/debian|npm(\/%40[^/@]+)?|generic|oci)(\/?[^/@?]+)(@[^@?]+)?(\?[^?]+)?$/;
  return [
    ...(/^urn:uuid:[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/.test(bom.serialNumber)
      ? []
      : ['serial number']),
    ...(known.size === refs.length ? [] : ['doubled references']),
    ...cited.filter((ref) => !known.has(ref)).map((ref) => `dangling ${ref}`),
    ...all.filter(({ name, version }) => !name || !version).map((component) => `incomplete ${component['bom-ref']}`),
    ...all
      .filter((component) => component.purl !== undefined && !purl.test(component.purl))
      .map((component) => `purl ${component.purl}`),
  ];
}
