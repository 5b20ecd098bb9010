import type { Finding } from './finding.ts';
import type { Host } from './host.ts';

/** What the processor is, as far as the kernel says. */
export interface Processor {
  /** The board, such as `Raspberry Pi 5 Model B Rev 1.0`. */
  readonly model: string | undefined;
  /** Instruction set extensions; undefined when unknown, as under emulation. */
  readonly features: ReadonlySet<string> | undefined;
  readonly pageBytes: number | undefined;
}

export function readProcessor(host: Host): Processor {
  const cpuinfo = host.text('proc/cpuinfo') ?? '';
  const board = host.text('proc/device-tree/model') ?? host.text('sys/firmware/devicetree/base/model');
  const model = (board ?? cpuinfo.match(/^Model\s*:\s*(.+)$/m)?.[1])?.replaceAll('\0', '');
  const name = host.arch === 'arm64' ? 'Features' : 'flags';
  const features = cpuinfo.match(new RegExp(`^${name}\\s*:\\s*(.+)$`, 'm'))?.[1];
  return {
    model,
    features: features === undefined ? undefined : new Set(features.split(' ')),
    pageBytes: readPageBytes(host.bytes('proc/self/auxv') ?? Buffer.alloc(0)),
  };
}

/** See getauxval(3): pairs of 64-bit words, type and value; 6 is AT_PAGESZ. */
function readPageBytes(auxv: Buffer): number | undefined {
  for (let offset = 0; offset + 16 <= auxv.length; offset += 16) {
    if (auxv.readBigUInt64LE(offset) === 6n) return Number(auxv.readBigUInt64LE(offset + 8));
  }
  return undefined;
}

export function checkPageSize({ pageBytes }: Processor): Finding {
  const id = 'page-size';
  const why = 'Programs made for 4 KiB pages stop at once where pages are larger, as on a Pi 5; the platform’s do not.';
  if (pageBytes === undefined) return { id, severity: 'info', found: 'The page size cannot be told.', why };
  const found = `Pages of ${pageBytes / 1024} KiB.`;
  if (pageBytes === 4096) return { id, severity: 'ok', found, why };
  const fix =
    'Where another’s image says “Unsupported system page size”: kernel=kernel8.img in /boot/firmware/config.txt, then reboot.';
  return { id, severity: 'info', found, why, fix };
}

/** Which instructions work the hashes and the encryption would use. */
export function checkFeatures(host: Host, { features, model }: Processor): Finding {
  const id = 'processor';
  const why =
    'Every chunk is hashed, every checkpoint summed: without the instructions that takes several times as long.';
  const name = `${model ? `${model}, ` : ''}${host.arch}`;
  if (!features) return { id, severity: 'info', found: `${name}: its features cannot be told.`, why };
  const wanted = host.arch === 'arm64' ? ['aes', 'sha2', 'crc32'] : ['aes', 'sha_ni', 'sse4_2'];
  const missing = wanted.filter((feature) => !features.has(feature));
  if (missing.length === 0) return { id, severity: 'ok', found: `${name}, with ${wanted.join(', ')}.`, why };
  return { id, severity: 'info', found: `${name}, without ${missing.join(', ')}.`, why };
}

/**
 * Whether MongoDB runs here. From 5.0 (and 4.4.19) on it needs ARMv8.2 or AVX, so not a Pi 4; from 8.0.5 on it is
 * reported to crash on the Pi 5 (docker-library/mongo 762).
 */
export function checkMongo(
  host: Host,
  { features, model, pageBytes }: Processor,
  version: string | undefined,
): Finding {
  const id = 'mongo';
  const why = 'A MongoDB that does not suit the processor ends at once, and again at every restart.';
  const name = `MongoDB ${version ?? '5.0 or later'}`;
  const isArm = host.arch === 'arm64';
  const fix = 'Leave MongoDB out: without it the services keep everything in their own stores.';
  const needsNew = version === undefined || isAtLeast(version, '4.4.19');
  const needed = isArm ? ['atomics', 'dcpop'] : ['avx'];
  if (needsNew && features && needed.some((feature) => !features.has(feature))) {
    const found = `${name} needs ${isArm ? 'ARMv8.2, as of a Pi 5' : 'AVX'}, which ${model ?? 'this processor'} has not.`;
    return { id, severity: 'fail', found, why, fix };
  }
  const isPi5 = isArm && (model?.includes('Raspberry Pi 5') ?? pageBytes === 16_384);
  if (isPi5 && version !== undefined && isAtLeast(version, '8.0.5')) {
    const found = `${name} is reported to crash on the Raspberry Pi 5 from 8.0.5 on.`;
    return { id, severity: 'fail', found, why, fix: `Use MongoDB 7.0, or 8.0.4 at most. ${fix}` };
  }
  if (needsNew && !features) return { id, severity: 'info', found: `Whether ${name} runs here cannot be told.`, why };
  return { id, severity: 'ok', found: `${name} suits this processor.`, why };
}

/** Whether a release is that late. One that is said in part, such as `8.0`, is its line's newest, as tags of images are. */
function isAtLeast(version: string, least: string): boolean {
  const parts = version.split('.');
  for (const [index, part] of least.split('.').entries()) {
    const difference = Number(parts[index] ?? Number.POSITIVE_INFINITY) - Number(part);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
