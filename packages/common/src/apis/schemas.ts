import Type, { type TProperties } from 'typebox';

/** An object that refuses members it does not name. */
export function strictObject<const P extends TProperties>(properties: P, options: { description?: string } = {}) {
  return Type.Object(properties, { additionalProperties: false, ...options });
}

/** One page of a list: its items and, when there are more, the cursor of the next page. */
export function page<T extends Type.TSchema>(item: T) {
  return strictObject({
    items: Type.Array(item),
    next: Type.Optional(Type.String({ description: 'Pass as `cursor` for the next page; absent on the last one' })),
  });
}

/** `?limit=&cursor=`: how every list is paged. */
export const pageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50, description: 'Items per page' })),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 512, description: 'From `next` of the page before' })),
};

export const Uuid = Type.String({
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$',
  description: 'UUIDv4, lower case',
});
export const Hash32 = Type.String({ pattern: '^[0-9a-f]{64}$', description: '32 bytes, lower-case hex' });
export const Hash32Prefixed = Type.String({
  pattern: '^0x[0-9a-f]{64}$',
  description: '32 bytes, 0x and lower-case hex',
});
export const EthereumAddress = Type.String({ pattern: '^0x[0-9a-fA-F]{40}$', description: 'Ethereum address' });
export const HexBytes = Type.String({ pattern: '^0x([0-9a-fA-F]{2})*$', description: '0x and hex, two digits a byte' });
export const Base64 = Type.String({
  pattern: '^[A-Za-z0-9+/]*={0,2}$',
  description: 'Base64 with padding (RFC 4648 §4)',
});
export const Timestamp = Type.String({ format: 'date-time', description: 'RFC 3339, UTC, milliseconds' });
export const Uint64 = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** Integers that may pass 2^53, as decimal strings. */
export const Uint256 = Type.String({ pattern: '^(0|[1-9][0-9]{0,77})$', format: 'uint256', description: 'Decimal' });

/** RFC 9457 problem document, as every error is answered. */
export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'Stable; programs decide on this' }),
    detail: Type.String({ description: 'For people; may change' }),
    requestId: Type.String(),
    errors: Type.Optional(Type.Array(strictObject({ pointer: Type.String(), detail: Type.String() }))),
  },
  { description: 'RFC 9457 problem document' },
);
