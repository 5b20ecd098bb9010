import { type Access, defineApi, type Operations } from './api.ts';
import { page } from './schemas.ts';
import { sessionsErrors } from './sessions-errors.ts';
import {
  bundleQuery,
  ChunkHeaderView,
  ChunkProof,
  chunkHeaders,
  chunkParams,
  Join,
  NewSession,
  rangeHeaders,
  Seal,
  SealedManifest,
  Session,
  StoredChunk,
  sessionParams,
  sessionsQuery,
} from './sessions-schemas.ts';

const readers: Access = { roles: ['user', 'recorder', 'auditor', 'operator', 'admin'] };
const writers: Access = { roles: ['user', 'recorder'] };

export const bundleContentType = 'application/vnd.lucid.proof+json';
/** The widest bound governance can set, and what compression and encryption can add to it. */
export const chunkBodyBytesMax = 68 * 1024 * 1024;

const storeErrors = ['STORE_BUSY', 'STORE_CLOSED', 'STORE_FAILED'] as const;

const life = {
  createSession: {
    method: 'POST',
    path: '/sessions',
    summary: 'Open a session',
    description: 'The caller becomes its owner. The session takes chunks once its recorder or a participant joined.',
    access: writers,
    body: NewSession,
    responses: { 201: { description: 'Opened', schema: Session } },
    errors: ['SESSION_LIMIT_REACHED', 'SESSION_KEYS_INVALID', 'IDEMPOTENCY_KEY_INVALID', ...storeErrors],
    idempotencyKey: true,
  },
  listSessions: {
    method: 'GET',
    path: '/sessions',
    summary: 'List sessions, newest first',
    description: 'Your own and those you joined; auditors, operators and admins see all.',
    access: readers,
    query: sessionsQuery,
    responses: { 200: { description: 'A page of sessions', schema: page(Session) } },
    errors: ['CURSOR_INVALID'],
  },
  getSession: {
    method: 'GET',
    path: '/sessions/{sessionId}',
    summary: 'Read a session, its progress and its state',
    access: readers,
    params: sessionParams,
    responses: { 200: { description: 'The session', schema: Session } },
    errors: ['SESSION_NOT_FOUND'],
  },
  joinSession: {
    method: 'POST',
    path: '/sessions/{sessionId}/join',
    summary: 'Take the place of a key in a session, once',
    description:
      'The signature is over `formats/session-join`: it proves possession of the recorder’s or a participant’s ' +
      'signing key and names the caller’s subject. Each key’s place is taken once; the caller may then read the ' +
      'session, and with the recorder’s key write its chunks and its seal.',
    access: writers,
    params: sessionParams,
    body: Join,
    responses: { 200: { description: 'Joined', schema: Session } },
    errors: [
      'SESSION_NOT_FOUND',
      'SESSION_JOIN_USED',
      'SESSION_JOIN_SIGNATURE_INVALID',
      'SESSION_STATE_INVALID',
      'IDEMPOTENCY_KEY_INVALID',
      ...storeErrors,
    ],
    idempotencyKey: true,
  },
} as const satisfies Operations;

const chunks = {
  putChunk: {
    method: 'PUT',
    path: '/sessions/{sessionId}/chunks/{chunkIndex}',
    summary: 'Upload a chunk',
    description:
      'The body is the ciphertext, streamed. The answer says durable: file and record are synced. The same chunk ' +
      'again is answered 200 with nothing written.',
    access: writers,
    params: chunkParams,
    headers: chunkHeaders,
    rawBody: { contentTypes: ['application/octet-stream'], mode: 'stream' },
    bodyBytesMax: chunkBodyBytesMax,
    responses: {
      200: { description: 'Stored before, unchanged', schema: StoredChunk },
      201: { description: 'Stored', schema: StoredChunk },
    },
    errors: [
      'REQUEST_TIMEOUT',
      'SESSION_NOT_FOUND',
      'SESSION_NOT_PERMITTED',
      'SESSION_STATE_INVALID',
      'SESSION_CHUNK_CONFLICT',
      'SESSION_CHUNK_TOO_LARGE',
      'SESSION_CHUNK_SIZE_MISMATCH',
      'SESSION_CHUNK_DIGEST_MISMATCH',
      'SESSION_CHUNK_DIGEST_INVALID',
      'SESSION_CHUNK_HEADER_INVALID',
      'SESSION_CHUNK_SIGNATURE_INVALID',
      'SESSION_CHUNK_CHAIN_BROKEN',
      'SESSION_CHUNK_GAP_TOO_WIDE',
      'SESSION_UPLOADS_BUSY',
      'SESSION_STORAGE_FULL',
      ...storeErrors,
    ],
  },
  listChunks: {
    method: 'GET',
    path: '/sessions/{sessionId}/chunks',
    summary: 'List the stored chunks by index',
    access: readers,
    params: sessionParams,
    query: sessionsQuery,
    responses: { 200: { description: 'A page of chunk headers', schema: page(ChunkHeaderView) } },
    errors: ['SESSION_NOT_FOUND', 'CURSOR_INVALID'],
  },
  getChunk: {
    method: 'GET',
    path: '/sessions/{sessionId}/chunks/{chunkIndex}',
    summary: 'Read a chunk’s ciphertext, whole or a byte range',
    access: readers,
    params: chunkParams,
    headers: rangeHeaders,
    responses: {
      200: { description: 'The ciphertext', contentType: 'application/octet-stream' },
      206: { description: 'The byte range asked for', contentType: 'application/octet-stream' },
      304: { description: 'Not changed (chunks never change)' },
    },
    errors: ['SESSION_NOT_FOUND', 'SESSION_CHUNK_NOT_FOUND', 'SESSION_RANGE_UNSATISFIABLE'],
  },
  getChunkHeader: {
    method: 'GET',
    path: '/sessions/{sessionId}/chunks/{chunkIndex}/header',
    summary: 'Read a chunk’s signed header',
    access: readers,
    params: chunkParams,
    responses: { 200: { description: 'The header', schema: ChunkHeaderView } },
    errors: ['SESSION_NOT_FOUND', 'SESSION_CHUNK_NOT_FOUND'],
  },
  getChunkProof: {
    method: 'GET',
    path: '/sessions/{sessionId}/chunks/{chunkIndex}/proof',
    summary: 'Prove a chunk against the sealed root',
    access: readers,
    params: chunkParams,
    responses: { 200: { description: 'The inclusion proof', schema: ChunkProof } },
    errors: ['SESSION_NOT_FOUND', 'SESSION_CHUNK_NOT_FOUND', 'SESSION_NOT_SEALED'],
  },
} as const satisfies Operations;

const seals = {
  sealSession: {
    method: 'POST',
    path: '/sessions/{sessionId}/seal',
    summary: 'Seal a session with its signed manifest',
    description:
      'The root is recomputed from the stored headers. The answer comes once the manifest and the order to write it ' +
      'to the ledger are synced; ledger and chain follow by themselves. The same manifest again gets the same answer.',
    access: writers,
    params: sessionParams,
    body: Seal,
    responses: { 202: { description: 'Taken; follow `state` to `anchored`', schema: Session } },
    errors: [
      'SESSION_NOT_FOUND',
      'SESSION_NOT_PERMITTED',
      'SESSION_STATE_INVALID',
      'SESSION_INCOMPLETE',
      'SESSION_EMPTY',
      'SESSION_CHUNK_CHAIN_BROKEN',
      'SESSION_MANIFEST_INVALID',
      'SESSION_MANIFEST_MISMATCH',
      'SESSION_ROOT_MISMATCH',
      'SESSION_SIGNATURE_INVALID',
      'SESSION_SEAL_CONFLICT',
      ...storeErrors,
    ],
  },
  getManifest: {
    method: 'GET',
    path: '/sessions/{sessionId}/manifest',
    summary: 'Read the sealed manifest and its signatures',
    access: readers,
    params: sessionParams,
    responses: { 200: { description: 'The manifest', schema: SealedManifest } },
    errors: ['SESSION_NOT_FOUND', 'SESSION_NOT_SEALED'],
  },
  getBundle: {
    method: 'GET',
    path: '/sessions/{sessionId}/bundle',
    summary: 'Download the proof bundle',
    description: 'Self-contained: verifies offline. Before the anchor is there the bundle comes without it.',
    access: readers,
    params: sessionParams,
    query: bundleQuery,
    responses: { 200: { description: 'The proof bundle', contentType: bundleContentType } },
    errors: ['SESSION_NOT_FOUND', 'SESSION_CHUNK_NOT_FOUND', 'SESSION_NOT_SEALED', 'SESSION_NOT_ANCHORED'],
  },
} as const satisfies Operations;

export const sessionsApi = defineApi({
  service: 'sessions',
  title: 'Lucid sessions',
  description: 'Sessions, their encrypted chunks, seals and proof bundles',
  errors: sessionsErrors,
  operations: { ...life, ...chunks, ...seals },
});
