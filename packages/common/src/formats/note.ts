import { concatBytes, equalBytes, parseBase64, parseHex, parseUtf8, toBase64, toHex, utf8 } from './bytes.ts';
import { cosignedMessage, encodeCosignature, verifyCosignature } from './cosignature.ts';
import { isEd25519Signature, openEd25519Signer } from './ed25519.ts';
import { malformed } from './malformed.ts';
import { sha256 } from './sha256.ts';

/** C2SP signed notes: https://c2sp.org/signed-note, cosigned as https://c2sp.org/tlog-cosignature says. */

/** 0x01 signs the text with Ed25519; 0x04 and 0x06 cosign a checkpoint under a time, with Ed25519 and ML-DSA-44. */
export type NoteKeyType = 0x01 | 0x04 | 0x06;

export interface NoteVerifier {
  readonly name: string;
  /** Lower-case hex of the 32-bit key id. */
  readonly keyId: string;
  readonly type: NoteKeyType;
  readonly publicKey: Uint8Array;
}

export interface NoteSigner {
  readonly name: string;
  readonly keyId: string;
  /** The signature bytes of a note's text. */
  sign(text: string): Promise<Uint8Array>;
}

export interface NoteSignature {
  readonly name: string;
  readonly keyId: string;
  readonly signature: Uint8Array;
}

/** A note taken apart; no signature has been checked. */
export interface Note {
  /** Ends in a newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** A note with at least one good signature by a known key, and none by a known key that fails. */
export interface OpenedNote {
  readonly text: string;
  readonly verified: readonly VerifiedSignature[];
  /** Lines by keys nobody asked for: not checked, worth nothing. */
  readonly unknown: readonly NoteSignature[];
}

export interface VerifiedSignature {
  readonly verifier: NoteVerifier;
  /** POSIX seconds, of a cosignature. */
  readonly timestampSec: number | undefined;
}

const NOTE_SIZE_MAX = 1 << 20;
const SIGNATURES_MAX = 100;
const DASH = '\u2014 ';
const PRIVATE_PREFIX = 'PRIVATE+KEY+';
const KEY_SIZES: ReadonlyMap<number, number> = new Map([
  [0x01, 32],
  [0x04, 32],
  [0x06, 1312],
]);

function malformedNote(detail: string): Error {
  return malformed('NOTE_MALFORMED', detail);
}

function isKeyName(name: string): boolean {
  return name !== '' && !/[\p{White_Space}+]/u.test(name) && isText(name);
}

/** The first four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key), in hex. */
export function noteKeyId(name: string, type: NoteKeyType, publicKey: Uint8Array): string {
  return toHex(sha256(concatBytes(utf8(`${name}\n`), Uint8Array.of(type), publicKey)).subarray(0, 4));
}

/** A key as `<name>+<key id>+<base64(type ‖ public key)>`. */
export function encodeVerifierKey(name: string, publicKey: Uint8Array, type: NoteKeyType = 0x01): string {
  if (!isKeyName(name)) throw malformed('NOTE_KEY_MALFORMED', 'a key name has no spaces and no plus');
  return `${name}+${noteKeyId(name, type, publicKey)}+${toBase64(concatBytes(Uint8Array.of(type), publicKey))}`;
}

/** Parses a vkey; `NOTE_KEY_MALFORMED` on any other spelling, key type or key id than its own. */
export function parseVerifierKey(vkey: string): NoteVerifier {
  const { name, keyId, type, key } = splitKey(vkey);
  if (type !== 0x01 && type !== 0x04 && type !== 0x06)
    throw malformed('NOTE_KEY_MALFORMED', 'the key is of no type known here');
  if (noteKeyId(name, type, key) !== keyId) throw malformed('NOTE_KEY_MALFORMED', 'the key id is not the key\u2019s');
  return { name, keyId, type, publicKey: key };
}

function splitKey(text: string): { name: string; keyId: string; type: number; key: Uint8Array } {
  const match = /^([^+]*)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u.exec(text);
  const [, name = '', keyId = '', encoded = ''] = match ?? [];
  if (match === null || !isKeyName(name)) throw malformed('NOTE_KEY_MALFORMED', 'not a name, a key id and a key');
  const material = parseKeyMaterial(encoded);
  return { name, keyId, type: material[0] ?? 0, key: material.subarray(1) };
}

function parseKeyMaterial(encoded: string): Uint8Array {
  try {
    const bytes = parseBase64(encoded);
    if (bytes.length - 1 === (KEY_SIZES.get(bytes[0] ?? 0) ?? 32)) return bytes;
  } catch (cause) {
    throw malformed('NOTE_KEY_MALFORMED', 'the key is not base 64', { cause: String(cause) });
  }
  throw malformed('NOTE_KEY_MALFORMED', 'the key is not a type byte and a key of that type');
}

/** The secret form Go's sumdb writes: `PRIVATE+KEY+<name>+<key id>+<base64(0x01 ‖ seed)>`. */
export async function encodeSignerKey(name: string, seed: Uint8Array): Promise<string> {
  const { publicKey } = await openEd25519Signer(seed);
  const [, keyId = ''] = encodeVerifierKey(name, publicKey).split('+');
  return `${PRIVATE_PREFIX}${name}+${keyId}+${toBase64(concatBytes(Uint8Array.of(1), seed))}`;
}

/** Opens a secret key; `NOTE_KEY_MALFORMED` on anything but the one spelling of it. */
export async function parseSignerKey(skey: string): Promise<NoteSigner> {
  if (!skey.startsWith(PRIVATE_PREFIX)) throw malformed('NOTE_KEY_MALFORMED', 'a secret key starts with PRIVATE+KEY+');
  const { name, keyId, type, key } = splitKey(skey.slice(PRIVATE_PREFIX.length));
  if (type !== 0x01) throw malformed('NOTE_KEY_MALFORMED', 'the secret key is not an Ed25519 key');
  const signer = await createNoteSigner(name, key);
  if (signer.keyId !== keyId) throw malformed('NOTE_KEY_MALFORMED', 'the key id is not the key\u2019s');
  return signer;
}

/** Signs notes as `name` with a 32-byte Ed25519 seed. */
export async function createNoteSigner(name: string, seed: Uint8Array): Promise<NoteSigner> {
  if (!isKeyName(name)) throw malformed('NOTE_KEY_MALFORMED', 'a key name has no spaces and no plus');
  const { publicKey, sign } = await openEd25519Signer(seed);
  return { name, keyId: noteKeyId(name, 0x01, publicKey), sign: (text) => sign(utf8(text)) };
}

/** Cosigns checkpoints with Ed25519: the signature covers the POSIX time `clock` gives, in seconds. */
export async function createCosigner(name: string, seed: Uint8Array, clock: () => number): Promise<NoteSigner> {
  const { publicKey, sign } = await openEd25519Signer(seed);
  return createKeyCosigner({ name, type: 0x04, publicKey, sign }, clock);
}

/** A key that signs bytes, wherever it is kept. */
export interface CosigningKey {
  readonly name: string;
  readonly type: 0x04 | 0x06;
  readonly publicKey: Uint8Array;
  /** 64 bytes of Ed25519, or 2420 of ML-DSA-44. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** Cosigns checkpoints with a key of either type. `sign` throws `COSIGNATURE_MALFORMED` on a text that is none. */
export function createKeyCosigner(key: CosigningKey, clock: () => number): NoteSigner {
  const { name, type } = key;
  if (!isKeyName(name)) throw malformed('NOTE_KEY_MALFORMED', 'a key name has no spaces and no plus');
  return {
    name,
    keyId: noteKeyId(name, type, key.publicKey),
    sign: async (text) => {
      const timestampSec = clock();
      const message = cosignedMessage(key, text, timestampSec);
      if (message === undefined) throw malformed('COSIGNATURE_MALFORMED', 'the text is no checkpoint');
      return encodeCosignature({ timestampSec, signature: await key.sign(message) });
    },
  };
}

/** One signature line, newline included. */
export function encodeSignatureLine(signature: NoteSignature): string {
  const bytes = concatBytes(parseHex(signature.keyId, 4), signature.signature);
  return `${DASH}${signature.name} ${toBase64(bytes)}\n`;
}

/** The note of `text` (which ends in a newline) with a signature line per signer. */
export async function signNote(text: string, signers: readonly NoteSigner[]): Promise<string> {
  if (!isNoteText(text)) throw malformedNote('a note\u2019s text ends in a newline and has no control characters');
  let note = `${text}\n`;
  for (const { name, keyId, sign } of signers)
    note += encodeSignatureLine({ name, keyId, signature: await sign(text) });
  return note;
}

function isNoteText(text: string): boolean {
  return text.endsWith('\n') && isText(text.replaceAll('\n', ''));
}

/** No control characters below U+0020, no halves of surrogate pairs. */
function isText(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) < 0x20) return false;
  return text.isWellFormed();
}

/** Takes a note apart without checking signatures; `NOTE_MALFORMED` on any deviation from the format. */
export function parseNote(note: Uint8Array | string): Note {
  if (note.length > NOTE_SIZE_MAX) throw malformedNote('the note is larger than 1 MiB');
  const content = typeof note === 'string' ? note : parseUtf8(note);
  const split = content.lastIndexOf('\n\n');
  if (!isNoteText(content) || split < 0) throw malformedNote('a note is text, an empty line and signature lines');
  const lines = content
    .slice(split + 2)
    .split('\n')
    .slice(0, -1);
  if (lines.length === 0) throw malformedNote('the note has no signature');
  if (lines.length > SIGNATURES_MAX) throw malformedNote(`the note has more than ${SIGNATURES_MAX} signatures`);
  return { text: content.slice(0, split + 1), signatures: lines.map(parseSignatureLine) };
}

/** Parses one signature line, without its newline; `NOTE_MALFORMED`. */
export function parseSignatureLine(line: string): NoteSignature {
  const match = /^\u2014 ([^ ]+) ([A-Za-z0-9+/=]+)$/u.exec(line);
  const [, name = '', encoded = ''] = match ?? [];
  if (match === null || !isKeyName(name)) throw malformedNote('a signature line is malformed');
  const bytes = parseSignatureBytes(encoded);
  return { name, keyId: toHex(bytes.subarray(0, 4)), signature: bytes.subarray(4) };
}

function parseSignatureBytes(encoded: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = parseBase64(encoded);
  } catch {
    throw malformedNote('a signature is not canonical base 64');
  }
  if (bytes.length < 5) throw malformedNote('a signature line is too short');
  return bytes;
}

/**
 * Parses a note and checks every signature by a known key (name and id both match). A known key's
 * signature that fails condemns the note: `NOTE_SIGNATURE_INVALID`. None by a known key: `NOTE_UNVERIFIED`.
 */
export async function openNote(note: Uint8Array | string, verifiers: readonly NoteVerifier[]): Promise<OpenedNote> {
  const { text, signatures } = parseNote(note);
  const verified = new Map<NoteVerifier, VerifiedSignature>();
  const unknown: NoteSignature[] = [];
  for (const line of signatures) {
    const verifier = verifiers.find(({ name, keyId }) => name === line.name && keyId === line.keyId);
    if (verifier === undefined) unknown.push(line);
    else verified.set(verifier, await verifyLine(text, line, verifier));
  }
  if (verified.size === 0) throw malformed('NOTE_UNVERIFIED', 'no known key signed the note');
  return { text, verified: [...verified.values()], unknown };
}

async function verifyLine(text: string, line: NoteSignature, verifier: NoteVerifier): Promise<VerifiedSignature> {
  const { name, type, publicKey } = verifier;
  if (type === 0x01) {
    if (await isEd25519Signature(publicKey, line.signature, utf8(text))) return { verifier, timestampSec: undefined };
  } else {
    const timestampSec = await verifyCosignature({ name, type, publicKey }, text, line.signature);
    if (timestampSec !== undefined) return { verifier, timestampSec };
  }
  throw malformed('NOTE_SIGNATURE_INVALID', `the signature by ${line.name} is wrong`, { name: line.name });
}

/** True when both vkeys wrap one public key, whatever their names. */
export function isSamePublicKey(left: NoteVerifier, right: NoteVerifier): boolean {
  return equalBytes(left.publicKey, right.publicKey);
}
