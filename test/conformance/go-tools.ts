import { createHash } from 'node:crypto';
import { chmodSync, existsSync, globSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, succeeds } from '../support/run-command.ts';

/** Pinned in `go/go.mod` and `go/go.sum`, with everything they need. */
const modules = {
  hammer: 'github.com/transparency-dev/tessera/internal/hammer',
  fsck: 'github.com/transparency-dev/tessera/cmd/fsck',
  litewitness: 'filippo.io/torchwood/cmd/litewitness',
  verify: './verify',
  agent: './agent',
  tesseralog: './tesseralog',
} as const;
type Tool = keyof typeof modules;

/** What `go/go.mod` asks for: newer than Debian's, so the module proxy has to have it. */
const goVersion = '1.27.0';
/** Digests of the toolchains in Go's own notation, as sum.golang.org has them. */
const toolchainSums: Readonly<Record<string, string>> = {
  amd64: 'h1:fVts2HjYwzBWrJtkf1B9HRDAuCZcZLexWI6ZX6Ls/IU=',
  arm64: 'h1:j3YFWnbfYYDouN9SH55CdTuBmwMifUuKLBqZhkRRcHc=',
};

/** A proxy that hangs ends with a word of it, before the hook that waits does, and leaves no process behind. */
const limited = ['timeout', '--kill-after=5', '280'] as const;

const source = fileURLToPath(new URL('go', import.meta.url));
const cache = fileURLToPath(new URL('../../.cache/go', import.meta.url));
const environment = {
  ...process.env,
  CGO_ENABLED: '0',
  GOCACHE: join(cache, 'build'),
  GOFLAGS: '-mod=readonly -modcacherw',
  GOMODCACHE: join(cache, 'modules'),
  GOTOOLCHAIN: 'local',
};

/**
 * Builds the programs of others that the ledger is held against, and ours that use their libraries; answers where they
 * are. Throws, saying what is missing, where there is no Go at all or the module proxy is out of reach.
 */
export async function buildGoTools(): Promise<Readonly<Record<Tool, string>>> {
  const hash = createHash('sha256').update(`${goVersion} ${process.arch}`);
  for (const path of globSync('**/*.{go,mod,sum}', { cwd: source }).toSorted()) {
    hash.update(readFileSync(join(source, path)));
  }
  const folder = join(cache, 'bin', hash.digest('hex').slice(0, 16));
  // Complete or not there: a build that was cut short leaves its folder under another name.
  if (!existsSync(folder)) {
    const unfinished = `${folder}-${process.pid}`;
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { recursive: true });
    const build = [await findGo(), 'build', '-trimpath', '-o', `${unfinished}/`, ...Object.values(modules)];
    await run([...limited, ...build], { cwd: source, environment });
    await rename(unfinished, folder);
  }
  return Object.fromEntries(Object.keys(modules).map((name) => [name, join(folder, name)])) as Record<Tool, string>;
}

/** The machine's Go where it is new enough, else the pinned one, fetched through the module proxy by whatever Go there is. */
async function findGo(): Promise<string> {
  const found: string[] = [];
  for (const go of ['go', '/usr/local/go/bin/go']) if (await succeeds([go, 'version'])) found.push(go);
  for (const go of found) {
    const version = (await run([go, 'env', 'GOVERSION'], { environment })).trim();
    if (isAtLeast(version.replace('go', ''), goVersion)) return go;
  }
  const [anyGo] = found;
  if (anyGo === undefined) {
    throw new Error(
      `Go is not installed; any version will do to fetch Go ${goVersion} with: apt-get install golang-go`,
    );
  }
  return await fetchGo(anyGo);
}

function isAtLeast(version: string, asked: string): boolean {
  const [one, other] = [version, asked].map((text) => text.split('.').map((part) => Number.parseInt(part, 10)));
  for (const [at, part] of (other ?? []).entries()) if ((one?.[at] ?? 0) !== part) return (one?.[at] ?? 0) > part;
  return true;
}

async function fetchGo(go: string): Promise<string> {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const name = `golang.org/toolchain@v0.0.1-go${goVersion}.linux-${architecture}`;
  // Without a module around it, and quiet about what an old Go does not know.
  const command = [...limited, go, 'mod', 'download', '-json', name] as const;
  const answer = await run(command, { cwd: cache, environment: { ...environment, GOFLAGS: '-modcacherw' } }).catch(
    (cause: unknown) => {
      throw new Error(`Go ${goVersion} could not be fetched: is the module proxy in reach (GOPROXY)?`, { cause });
    },
  );
  const { Dir: folder, Sum: sum } = JSON.parse(answer) as { Dir: string; Sum: string };
  if (sum !== toolchainSums[architecture]) throw new Error(`${name} has the digest ${sum}, not the pinned one`);
  // A module's files come without the right to be run.
  for (const path of globSync(['bin/*', 'pkg/tool/*/*'], { cwd: folder })) chmodSync(join(folder, path), 0o755);
  return join(folder, 'bin', 'go');
}
