import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../support/run-command.ts';
import { architectures } from './config.ts';

const suite = 'trixie';
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const listsAgeHoursMax = 12;

/** A package file of the archive, as apt names it today. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  /** The package's own: `amd64`, `arm64` or `all`. */
  readonly architecture: string;
  readonly file: string;
  readonly sha256: string;
}

/**
 * Debian 13's archive (main, updates and security; both architectures) through an apt root of our own: apt checks the
 * signatures, and the machine's own packages and sources stay as they are. Needs apt and Debian's keyring.
 */
export class DebianArchive {
  readonly #folder: string;
  readonly #environment: NodeJS.ProcessEnv;

  constructor(folder: string) {
    this.#folder = folder;
    this.#environment = { ...process.env, LC_ALL: 'C', APT_CONFIG: join(folder, 'apt.conf') };
    writeAptRoot(folder);
  }

  /** Today's files of `packages`, named `tor` (the first architecture) or `tor:arm64`. */
  async candidates(packages: readonly string[]): Promise<DebianPackage[]> {
    await this.#update();
    const uris = await this.#apt(['download', '--print-uris', ...packages]);
    const found = uris
      .split('\n')
      .filter((line) => line.startsWith("'"))
      .map(parseUri);
    if (found.length < new Set(packages).size) throw new Error(`apt knows not all of ${packages.join(' ')}`);
    return found;
  }

  /** Forgets when the archive was last asked, so that the next question asks it again. */
  refresh(): void {
    rmSync(join(this.#folder, 'updated'), { force: true });
  }

  /** Fetches the packages, unless they are here already, and returns the path of each. */
  async download(packages: readonly string[]): Promise<Map<DebianPackage, string>> {
    const wanted = await this.candidates(packages);
    const debs = join(this.#folder, 'debs');
    const missing = wanted.filter(({ file }) => !existsSync(join(debs, file)));
    const names = missing.map(({ name, architecture }) => (architecture === 'all' ? name : `${name}:${architecture}`));
    if (names.length > 0) await this.#apt(['-qq', 'download', ...new Set(names)], debs);
    for (const { file, sha256 } of wanted) {
      const digest = createHash('sha256')
        .update(readFileSync(join(debs, file)))
        .digest('hex');
      if (digest !== sha256) throw new Error(`${file} is not what the archive's index names: delete it and run again`);
    }
    return new Map(wanted.map((wantedOne) => [wantedOne, join(debs, wantedOne.file)]));
  }

  async #update(): Promise<void> {
    const stamp = join(this.#folder, 'updated'); // the lists' own times are the archive's
    const updatedAtMs = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (Date.now() - updatedAtMs < listsAgeHoursMax * 3_600_000) return;
    await this.#apt(['-qq', 'update']);
    writeFileSync(stamp, '');
  }

  #apt(args: readonly string[], cwd = this.#folder): Promise<string> {
    return run(['apt-get', ...args], { environment: this.#environment, cwd });
  }
}

function parseUri(line: string): DebianPackage {
  const match = /^'[^']+' (?<file>\S+) \d+ SHA256:(?<sha256>[0-9a-f]{64})/.exec(line);
  const { file = '', sha256 = '' } = match?.groups ?? {};
  const [name, version, architecture] = file.replace(/\.deb$/, '').split('_');
  if (name === undefined || version === undefined || architecture === undefined)
    throw new Error(`apt's answer is not understood: ${line}`);
  return { name, version: decodeURIComponent(version), architecture, file, sha256 };
}

function writeAptRoot(folder: string): void {
  const parts = ['etc/apt/apt.conf.d', 'etc/apt/preferences.d', 'etc/apt/trusted.gpg.d', 'var/lib/apt/lists/partial'];
  for (const part of [...parts, 'var/cache/apt/archives/partial', 'var/lib/dpkg', 'debs'])
    mkdirSync(join(folder, part), { recursive: true });
  const origin = machineOrigin();
  const source = (archive: string, name: string) =>
    `deb [arch=${architectures.join(',')} signed-by=${keyring}] ${origin}/${archive} ${name} main\n`;
  const sources =
    source('debian', suite) + source('debian', `${suite}-updates`) + source('debian-security', `${suite}-security`);
  const conf = [
    `Dir "${folder}";`,
    `Dir::State::status "${folder}/var/lib/dpkg/status";`,
    `APT::Architecture "${architectures[0]}";`,
    `APT::Architectures { ${architectures.map((name) => `"${name}";`).join(' ')} };`,
    'APT::Sandbox::User "root";',
    'Acquire::Languages "none";',
  ];
  writeFileSync(join(folder, 'var/lib/dpkg/status'), '');
  writeFileSync(join(folder, 'etc/apt/sources.list'), sources);
  writeFileSync(join(folder, 'apt.conf'), `${conf.join('\n')}\n`);
}

/** The origin of the machine's own Debian sources (a mirror near it), in either of apt's two formats. */
export function machineOrigin(): string {
  const texts = globSync(['/etc/apt/sources.list', '/etc/apt/sources.list.d/*']).map((path) =>
    readFileSync(path, 'utf8'),
  );
  const match = /^(?!#).*?(https?:\/\/[^\s/]+)\/debian\/?(?:\s|$)/m.exec(texts.join('\n'));
  // Debian's own address, for a machine that names none. Plain HTTP is Debian's default: apt checks the signatures.
  return match?.[1] ?? 'http://deb.debian.org';
}

/**
 * Unpacks packages for this machine into `cache/name`, once, without installing anything, and returns that folder.
 * What Debian 13 builds against glibc 2.34 or older runs on Debian 12 as it is.
 */
export async function unpackDebianPackages(cache: string, name: string, packages: readonly string[]): Promise<string> {
  const folder = join(cache, name, 'files');
  const complete = join(cache, name, 'unpacked');
  if (existsSync(complete)) return folder;
  const architecture = (await run(['dpkg', '--print-architecture'])).trim();
  const debs = await new DebianArchive(join(cache, 'debian')).download(packages.map((one) => `${one}:${architecture}`));
  mkdirSync(folder, { recursive: true });
  for (const path of debs.values()) await run(['dpkg-deb', '-x', path, folder]);
  writeFileSync(complete, '');
  return folder;
}
