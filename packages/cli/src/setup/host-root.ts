import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cliError } from '../errors.ts';
import {
  copyPath,
  dataFolders,
  findLogKeys,
  hostFolders,
  listSecretCopies,
  type SecretCopy,
  secretsOfLedger,
} from './host-layout.ts';
import { ensurePlatformKeys, type PlatformKeys, type PlatformOptions } from './keys.ts';
import { createPrivateFile, ensurePrivateFolder, findPrivateFile, isErrno, removeLeftovers } from './private-file.ts';
import { ensureStoreKeys } from './store-keys.ts';

/** A machine's folders, keys and copies, all there. */
export interface HostRoot {
  readonly root: string;
  readonly keys: PlatformKeys;
  /** What this call made, relative to the root: folders end in a slash. */
  readonly created: readonly string[];
}

/** The files without which the data that is there is another platform's. */
const irreplaceable = {
  ledger: ['ledger.key'],
  vm: ['genesis.json'],
  'tunnel-tools': ['tunnels.key'],
  'standalone-blockchain-api': ['ledger.key', 'genesis.json'],
} as const;

/**
 * Makes what a platform needs on its machine under `root`: the keys, a folder of copies for each service that holds
 * only the files it is to be given, and a data folder for each. Every step is on the disk before the next begins, and
 * none replaces anything, so a call after a crash goes on where the other stopped.
 * @throws KEY_LOST, SECRET_COPY_DIFFERS, and what `ensurePlatformKeys` throws; each says what to do
 */
export async function ensureHostRoot(root: string, options: PlatformOptions = {}): Promise<HostRoot> {
  await verifyNothingLost(root);
  const created: string[] = [];
  const folders = await ensureFolders(root, created);
  for (const folder of folders) await removeLeftovers(join(root, folder));
  const keyFolder = join(root, hostFolders.keys);
  const keys = await ensurePlatformKeys(keyFolder, options);
  const ofStores = await ensureStoreKeys(keyFolder);
  created.push(...[...keys.created, ...ofStores].map((file) => `${hostFolders.keys}/${file}`));
  for (const copy of listSecretCopies(await listLogKeys(root))) {
    if (await ensureCopy(root, copy)) created.push(copyPath(copy));
  }
  return { root, keys, created };
}

async function ensureFolders(root: string, created: string[]): Promise<string[]> {
  const holders = new Set(listSecretCopies().map(({ holder }) => holder));
  const folders = [
    ...Object.values(hostFolders),
    ...[...holders].map((holder) => `${hostFolders.secrets}/${holder}`),
    ...dataFolders.map((name) => `${hostFolders.data}/${name}`),
  ];
  for (const folder of folders) {
    if (await ensurePrivateFolder(join(root, folder))) created.push(`${folder}/`);
  }
  return folders.filter((folder) => !folder.startsWith(hostFolders.data));
}

/** Keys are made before their copies and before any data: where these are without those, a key was lost. */
async function verifyNothingLost(root: string): Promise<void> {
  const keyFolder = join(root, hostFolders.keys);
  for (const copy of listSecretCopies(await listLogKeys(root))) {
    if (!(await exists(join(root, copyPath(copy)))) || (await exists(join(keyFolder, copy.file)))) continue;
    const [from, to] = [join(root, copyPath(copy)), join(keyFolder, copy.file)];
    throw cliError('KEY_LOST', `${to} is gone, but its copy is there. Put it back: cp -p ${from} ${to}`);
  }
  for (const [name, files] of Object.entries(irreplaceable)) {
    const data = join(root, hostFolders.data, name);
    if (await isEmpty(data)) continue;
    const lost = await findMissing(keyFolder, files);
    if (lost === undefined) continue;
    const detail = `${join(keyFolder, lost)} is gone, but ${data} was made with it. Restore the key folder from a backup; for a new platform move ${join(root, hostFolders.data)} away.`;
    throw cliError('KEY_LOST', detail);
  }
}

/** The key files of further logs: those that are there, and those of which only a copy is left. */
async function listLogKeys(root: string): Promise<string[]> {
  const folders = [hostFolders.keys, secretsOfLedger];
  return findLogKeys((await Promise.all(folders.map((folder) => listFiles(join(root, folder))))).flat());
}

async function findMissing(folder: string, files: readonly string[]): Promise<string | undefined> {
  for (const file of files) if (!(await exists(join(folder, file)))) return file;
  return undefined;
}

async function ensureCopy(root: string, copy: SecretCopy): Promise<boolean> {
  const [original, path] = [join(root, hostFolders.keys, copy.file), join(root, copyPath(copy))];
  const text = await findPrivateFile(original);
  if (text === undefined) throw cliError('KEY_LOST', `${original} is gone. Run setup again.`);
  const found = await findPrivateFile(path);
  if (found === undefined) return (await createPrivateFile(path, text)) || (await ensureCopy(root, copy));
  if (found === text) return false;
  throw cliError(
    'SECRET_COPY_DIFFERS',
    `${path} is not the same as ${original}. The service uses the first, a backup of the keys has the second. Compare their dates, then move the wrong one away: a copy is made again by setup, a key is put back with: cp -p ${path} ${original}`,
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

async function isEmpty(folder: string): Promise<boolean> {
  return (await listFiles(folder)).length === 0;
}

/** What is in a folder; nothing where there is none. */
async function listFiles(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
