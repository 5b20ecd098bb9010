import { generateKeyPairSync } from 'node:crypto';
import { encodeAddCheckpoint } from '@lucid/common/formats/add-checkpoint';
import { utf8 } from '@lucid/common/formats/bytes';
import { signCheckpoint } from '@lucid/common/formats/checkpoint';
import { createEd25519Seed, openEd25519Signer } from '@lucid/common/formats/ed25519';
import { createMerkleTree, leafHash, proveConsistency } from '@lucid/common/formats/merkle';
import { createNoteSigner, encodeVerifierKey, type NoteSigner } from '@lucid/common/formats/note';

/** A log in memory, which signs whatever it is asked to: histories of one log that do not agree have two `salt`s. */
export interface WitnessedLog {
  readonly origin: string;
  readonly vkey: string;
  readonly signer: NoteSigner;
  /** The signed note of the first `treeSize` entries. */
  note(treeSize: number, salt?: string): Promise<string>;
  /** The body that brings the witness from `oldSize` to `treeSize`. */
  request(oldSize: number, treeSize: number, salt?: string): Promise<string>;
  prove(oldSize: number, treeSize: number, salt?: string): Uint8Array[];
}

const sizeMax = 64;

export async function createWitnessedLog(origin = 'other.test/lucid/lucid'): Promise<WitnessedLog> {
  const seed = createEd25519Seed();
  const { publicKey } = await openEd25519Signer(seed);
  const signer = await createNoteSigner(origin, seed);
  const treeOf = (treeSize: number, salt = '') =>
    createMerkleTree(Array.from({ length: treeSize }, (_, index) => leafHash(utf8(`${salt}entry ${index}`))));
  const prove = (oldSize: number, treeSize: number, salt?: string) =>
    oldSize === 0 || oldSize > treeSize ? [] : proveConsistency(oldSize, treeSize, treeOf(sizeMax, salt).readNode);
  const note = (treeSize: number, salt?: string) =>
    signCheckpoint({ origin, treeSize, rootHash: treeOf(treeSize, salt).rootHash }, [signer]);
  return {
    origin,
    vkey: encodeVerifierKey(origin, publicKey),
    signer,
    note,
    prove,
    request: async (oldSize, treeSize, salt) =>
      encodeAddCheckpoint({ oldSize, proof: prove(oldSize, treeSize, salt), checkpoint: await note(treeSize, salt) }),
  };
}

/** A witness's private key, PKCS#8 PEM. */
export function createWitnessPem(kind: 'ed25519' | 'ml-dsa-44' = 'ed25519'): string {
  const { privateKey } = kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ml-dsa-44');
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
