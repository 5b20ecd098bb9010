import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { GenesisConfig } from '@lucid/contracts/genesis-config';
import { computeAddress } from 'ethers';
import { cliError } from '../errors.ts';
import { ensureGenesis, type GenesisOptions } from './genesis.ts';
import { logKeyFile } from './host-layout.ts';
import { createPrivateFile, ensurePrivateFolder, findPrivateFile, readSecretFile } from './private-file.ts';

/** PKCS#8 PEM, Ed25519. */
const ed25519Files = {
  /** Signs calls between services. */
  serviceKey: 'service.key',
  /** Signs people's access tokens. */
  apiSigningKey: 'api-signing.key',
  /** Signs the ledger's checkpoints. */
  ledgerKey: 'ledger.key',
} as const;

/** 0x and 64 hex digits: a secp256k1 private key. */
const walletFiles = {
  /** Sends anchors to the chain. */
  anchorerKey: 'anchorer.key',
  /** Sends members' signed votes to the chain. */
  relayerKey: 'relayer.key',
  /** The founding member's wallet: holds the first seat and is the guardian. */
  memberKey: 'member.key',
} as const;

const genesisFile = 'genesis.json';

const restore = 'Restore it from a backup, or move it away to have a new one made.';

/** What a platform is to have besides what every one has. */
export type PlatformOptions = GenesisOptions & {
  /** Names of logs beside `lucid`, each with a key of its own. */
  readonly logs?: readonly string[];
};

type KeyName = keyof typeof ed25519Files | keyof typeof walletFiles;

/** Where a platform's keys are, and what they say in public. */
export interface PlatformKeys {
  readonly folder: string;
  readonly files: { readonly [K in KeyName | 'genesis']: string };
  /** EIP-55 addresses of the wallets. */
  readonly addresses: { readonly anchorer: string; readonly relayer: string; readonly member: string };
  readonly genesis: GenesisConfig;
  /** Names of the files this call made; empty when all were there. */
  readonly created: readonly string[];
}

/**
 * Makes the keys a platform needs in `folder` (0700), each in a file of mode 0600, and its genesis. What is there
 * already is checked and kept, never overwritten; so it may be called at every start.
 * @throws KEY_FOLDER_EXPOSED, KEY_FILE_EXPOSED, KEY_FILE_INVALID, GENESIS_FILE_INVALID, each naming the file
 */
export async function ensurePlatformKeys(folder: string, options: PlatformOptions = {}): Promise<PlatformKeys> {
  await ensurePrivateFolder(folder);
  const created: string[] = [];
  const logKeys = (options.logs ?? []).map(logKeyFile);
  for (const name of [...Object.values(ed25519Files), ...logKeys]) {
    await ensureKey(join(folder, name), createEd25519Pem, verifyEd25519Pem, created);
  }
  const address: Record<string, string> = {};
  for (const [key, name] of Object.entries(walletFiles)) {
    const text = await ensureKey(join(folder, name), createWalletKey, verifyWalletKey, created);
    address[key] = computeAddress(text.trim());
  }
  const { anchorerKey: anchorer = '', relayerKey: relayer = '', memberKey: member = '' } = address;
  const { genesis, isNew } = await ensureGenesis(join(folder, genesisFile), { member, anchorer }, options);
  if (isNew) created.push(genesisFile);
  const names = Object.entries({ ...ed25519Files, ...walletFiles, genesis: genesisFile });
  const files = Object.fromEntries(names.map(([key, name]) => [key, join(folder, name)])) as PlatformKeys['files'];
  return { folder, files, addresses: { anchorer, relayer, member }, genesis, created };
}

/** Reads a wallet's private key (0x and hex) from a file that only its owner may read. */
export async function readWalletKey(path: string): Promise<string> {
  const text = await readSecretFile(path);
  verifyWalletKey(path, text, 'Name the file of a wallet, such as member.key in the key folder.');
  return text.trim();
}

async function ensureKey(
  path: string,
  create: () => string,
  verify: (path: string, text: string) => void,
  created: string[],
): Promise<string> {
  const found = await findPrivateFile(path);
  if (found !== undefined) {
    verify(path, found);
    return found;
  }
  const text = create();
  // Another start of the platform may have been faster: then its key is the key.
  if (!(await createPrivateFile(path, text))) return await ensureKey(path, create, verify, created);
  created.push(path.slice(path.lastIndexOf('/') + 1));
  return text;
}

function createEd25519Pem(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

function verifyEd25519Pem(path: string, text: string): void {
  try {
    if (createPrivateKey(text).asymmetricKeyType === 'ed25519') return;
  } catch (cause) {
    throw cliError('KEY_FILE_INVALID', `${path} is not a PKCS#8 PEM private key. ${restore}`, { cause });
  }
  throw cliError('KEY_FILE_INVALID', `${path} is not an Ed25519 key. ${restore}`);
}

function createWalletKey(): string {
  // All but 2^-128 of the 32-byte strings are keys of the curve; `computeAddress` throws for the others.
  return `0x${randomBytes(32).toString('hex')}\n`;
}

function verifyWalletKey(path: string, text: string, advice = restore): void {
  try {
    if (/^0x[0-9a-fA-F]{64}\s*$/.test(text)) {
      computeAddress(text.trim());
      return;
    }
  } catch (cause) {
    throw cliError('KEY_FILE_INVALID', `${path} is not a key of secp256k1. ${advice}`, { cause });
  }
  throw cliError('KEY_FILE_INVALID', `${path} is not a wallet key: 0x and 64 hex digits. ${advice}`);
}
