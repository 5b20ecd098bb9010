import { createHash } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from './config.ts';

/** What OCI's image specification calls a descriptor. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: string; readonly os: string; readonly variant?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ImageManifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface ImageIndex {
  readonly manifests: readonly Descriptor[];
}

/** The parts of an image's configuration that are of interest here. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly config: {
    readonly User?: string;
    readonly Env?: readonly string[];
    readonly Entrypoint?: readonly string[];
    readonly Cmd?: readonly string[];
    readonly WorkingDir?: string;
    readonly ExposedPorts?: Readonly<Record<string, object>>;
    readonly Labels?: Readonly<Record<string, string>>;
    readonly Healthcheck?: { readonly Test?: readonly string[] };
  };
  /** One entry a build step; those without `empty_layer` are the layers, in order. */
  readonly history?: readonly { readonly comment?: string; readonly empty_layer?: boolean }[];
}

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

/** The label of a base made here in place of the real one: images that carry it must not be published. */
export const standInLabel = 'dev.lucid.base.standin';

export function sha256(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function platformOf(architecture: Architecture) {
  return { architecture, os: 'linux', ...(architecture === 'arm64' ? { variant: 'v8' } : {}) };
}

/** A folder of the OCI image layout (image-spec, image-layout.md). */
export class OciLayout {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Makes an empty layout of the folder. */
  static create(folder: string): OciLayout {
    mkdirSync(join(folder, 'blobs/sha256'), { recursive: true });
    writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    return new OciLayout(folder);
  }

  get index(): ImageIndex {
    return JSON.parse(readFileSync(join(this.folder, 'index.json'), 'utf8')) as ImageIndex;
  }

  blobPath(digest: string): string {
    return join(this.folder, 'blobs', digest.replace(':', '/'));
  }

  readIndex(descriptor: Descriptor): ImageIndex {
    return this.#readJson(descriptor) as ImageIndex;
  }

  readManifest(descriptor: Descriptor): ImageManifest {
    return this.#readJson(descriptor) as ImageManifest;
  }

  readConfig(descriptor: Descriptor): ImageConfig {
    return this.#readJson(descriptor) as ImageConfig;
  }

  /** Puts another layout's blobs here too, so that whoever writes the same ones finds them. */
  linkBlobsOf(other: OciLayout): void {
    for (const name of readdirSync(join(other.folder, 'blobs/sha256'))) {
      const blob = this.blobPath(`sha256:${name}`);
      if (!existsSync(blob)) linkSync(other.blobPath(`sha256:${name}`), blob);
    }
  }

  /** Deletes the blobs that no image of the index has. */
  removeUnreferenced(): void {
    const used = new Set<string>();
    const visit = (descriptor: Descriptor) => {
      used.add(descriptor.digest);
      if (descriptor.mediaType === mediaTypes.index)
        for (const inner of this.readIndex(descriptor).manifests) visit(inner);
      if (descriptor.mediaType !== mediaTypes.manifest) return;
      const { config, layers } = this.readManifest(descriptor);
      for (const { digest } of [config, ...layers]) used.add(digest);
    };
    for (const named of this.index.manifests) visit(named);
    for (const name of readdirSync(join(this.folder, 'blobs/sha256')))
      if (!used.has(`sha256:${name}`)) rmSync(this.blobPath(`sha256:${name}`));
  }

  #readJson({ digest }: Descriptor): unknown {
    return JSON.parse(readFileSync(this.blobPath(digest), 'utf8'));
  }

  putJson(value: object, mediaType: string): Descriptor {
    return this.put(Buffer.from(JSON.stringify(value)), mediaType);
  }

  put(bytes: Buffer, mediaType: string): Descriptor {
    const digest = sha256(bytes);
    writeFileSync(this.blobPath(digest), bytes);
    return { mediaType, digest, size: bytes.length };
  }

  writeIndex(manifests: readonly Descriptor[]): void {
    const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
    writeFileSync(join(this.folder, 'index.json'), JSON.stringify(index));
  }
}
