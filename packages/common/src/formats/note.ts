import { concatBytes, equalBytes, parseBase64, parseHex, parseUtf8, toBase64, toHex, utf8 } from './bytes.ts';
import { isEd25519Signature, openEd25519Signer } from './ed25519.ts';
import { malformed } from './malformed.ts';
import { sha256 } from './sha256.ts';

/** C2SP signed notes: https://c2sp.org/signed-note, and the Ed25519 cosignatures of https://c2sp.org/tlog-cosignature. */

/** 0x01 signs the text; 0x04 signs the text under a time stamp (a cosignature). */
export type NoteKeyType = 0x01 | 0x04;

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

function malformedNote(detail: string): Error {
  return malformed('NOTE_MALFORMED', detail);
}

function isKeyName(name: string): boolean {
  return name !== '' && !/[\s\p{Cc}+]/u.test(name) && name.isWellFormed();
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
  if (type !== 0x01 && type !== 0x04) throw malformed('NOTE_KEY_MALFORMED', 'the key is of no type known here');
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
    return parseBase64(encoded, 33);
  } catch (cause) {
    throw malformed('NOTE_KEY_MALFORMED', 'the key is not base 64 of a type byte and 32 bytes', {
      cause: String(cause),
    });
  }
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

/** Cosigns notes: the signature covers the POSIX time `clock` gives, in seconds. */
export async function createCosigner(name: string, seed: Uint8Array, clock: () => number): Promise<NoteSigner> {
  if (!isKeyName(name)) throw malformed('NOTE_KEY_MALFORMED', 'a key name has no spaces and no plus');
  const { publicKey, sign } = await openEd25519Signer(seed);
  return {
    name,
    keyId: noteKeyId(name, 0x04, publicKey),
    sign: async (text) => {
      const timestampSec = clock();
      const time = new Uint8Array(8);
      new DataView(time.buffer).setBigUint64(0, BigInt(timestampSec));
      return concatBytes(time, await sign(cosignedMessage(text, timestampSec)));
    },
  };
}

function cosignedMessage(text: string, timestampSec: number): Uint8Array {
  return utf8(`cosignature/v1\ntime ${timestampSec}\n${text}`);
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
  if (!text.endsWith('\n') || !text.isWellFormed()) return false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 && code !== 0x0a) return false;
  }
  return true;
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

function parseSignatureLine(line: string): NoteSignature {
  const match = /^\u2014 (\S+) ([A-Za-z0-9+/=]+)$/u.exec(line);
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
  const cosigned = verifier.type === 0x04;
  const timestampSec = cosigned ? readTimestamp(line.signature) : undefined;
  const message = timestampSec === undefined ? utf8(text) : cosignedMessage(text, timestampSec);
  const signature = cosigned ? line.signature.subarray(8) : line.signature;
  if (!(await isEd25519Signature(verifier.publicKey, signature, message))) {
    throw malformed('NOTE_SIGNATURE_INVALID', `the signature by ${line.name} is wrong`, { name: line.name });
  }
  return { verifier, timestampSec };
}

function readTimestamp(signature: Uint8Array): number {
  if (signature.length !== 72) throw malformed('NOTE_SIGNATURE_INVALID', 'a cosignature is 72 bytes');
  const seconds = new DataView(signature.buffer, signature.byteOffset, 8).getBigUint64(0);
  if (seconds > BigInt(Number.MAX_SAFE_INTEGER))
    throw malformed('NOTE_SIGNATURE_INVALID', 'a time stamp is out of range');
  return Number(seconds);
}

/** True when both vkeys wrap one public key, whatever their names. */
export function isSamePublicKey(left: NoteVerifier, right: NoteVerifier): boolean {
  return equalBytes(left.publicKey, right.publicKey);
}
