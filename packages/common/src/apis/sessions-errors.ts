import type { ErrorCatalogue } from './api.ts';

/** What operations of the sessions service can answer besides the common codes. */
export const sessionsErrors = {
  SESSION_NOT_FOUND: {
    status: 404,
    doc: 'There is no such session, or it is not yours to see: the two look the same.',
  },
  SESSION_STATE_INVALID: {
    status: 409,
    doc: 'The session is in a state that does not allow this; `state` says which.',
  },
  SESSION_NOT_PERMITTED: { status: 403, doc: 'You may read this session but not write to it.' },
  SESSION_LIMIT_REACHED: { status: 429, doc: 'You have as many open sessions as one owner may have; seal one first.' },
  SESSION_KEYS_INVALID: { status: 400, doc: 'A key appears twice among recorder and participants.' },
  SESSION_JOIN_USED: { status: 409, doc: "This key's place in the session was taken before; each is single use." },
  SESSION_JOIN_SIGNATURE_INVALID: { status: 403, doc: 'The signature does not prove that you hold the key.' },
  SESSION_CHUNK_NOT_FOUND: { status: 404, doc: 'The session has no chunk with this index.' },
  SESSION_CHUNK_CONFLICT: { status: 409, doc: 'A chunk with this index and another header is stored already.' },
  SESSION_CHUNK_TOO_LARGE: {
    status: 413,
    doc: 'The chunk is over the governed limit; `plainBytesMax` and `cipherBytesMax` say what is allowed.',
  },
  SESSION_CHUNK_SIZE_MISMATCH: { status: 400, doc: 'The body is shorter or longer than `Lucid-Cipher-Size` says.' },
  SESSION_CHUNK_DIGEST_MISMATCH: { status: 400, doc: 'The body does not have the SHA-256 that `Content-Digest` says.' },
  SESSION_CHUNK_DIGEST_INVALID: { status: 400, doc: 'Content-Digest does not carry one SHA-256 value (RFC 9530).' },
  SESSION_CHUNK_HEADER_INVALID: { status: 400, doc: "The chunk header's fields are not those of a chunk header." },
  SESSION_CHUNK_SIGNATURE_INVALID: { status: 400, doc: "The header is not signed by the session's recorder." },
  SESSION_CHUNK_CHAIN_BROKEN: {
    status: 409,
    doc: 'The header does not follow the stored one before it, or the stored one after it does not follow it.',
  },
  SESSION_CHUNK_GAP_TOO_WIDE: { status: 409, doc: 'The index is too far ahead of `durableSeq`; close the gap first.' },
  SESSION_UPLOADS_BUSY: { status: 503, doc: 'As many uploads as the service takes at once are running; try again.' },
  SESSION_STORAGE_FULL: { status: 507, doc: 'The disk the chunks are kept on has no room for this one.' },
  SESSION_RANGE_UNSATISFIABLE: {
    status: 416,
    doc: 'The byte range lies outside the chunk; `cipherSize` says its size.',
  },
  SESSION_INCOMPLETE: { status: 409, doc: 'Chunks are missing; `missing` names the first of them.' },
  SESSION_EMPTY: { status: 409, doc: 'A session without chunks cannot be sealed.' },
  SESSION_MANIFEST_INVALID: { status: 400, doc: 'The manifest is not one as formats/manifest defines it.' },
  SESSION_MANIFEST_MISMATCH: { status: 409, doc: 'The manifest contradicts the session; `field` says where.' },
  SESSION_ROOT_MISMATCH: { status: 409, doc: "The manifest's merkleRoot is not the root of the stored chunk headers." },
  SESSION_SIGNATURE_INVALID: { status: 400, doc: "The manifest's signature is not one of the key it names." },
  SESSION_SEAL_CONFLICT: { status: 409, doc: 'The session is sealed already, with another manifest.' },
  SESSION_NOT_SEALED: { status: 409, doc: 'The session is not sealed yet, or its receipt is not here yet; try later.' },
  SESSION_NOT_ANCHORED: { status: 409, doc: 'The session is not anchored yet; try later.' },
  IDEMPOTENCY_KEY_INVALID: { status: 400, doc: 'An Idempotency-Key is 1 to 255 visible ASCII characters.' },
  STORE_BUSY: { status: 503, doc: 'Too many writes are waiting; try again.' },
  STORE_CLOSED: { status: 503, doc: 'The service is closing; try again.' },
  STORE_FAILED: { status: 503, doc: 'A write failed and its outcome is unknown; the same request settles it later.' },
} as const satisfies ErrorCatalogue;
