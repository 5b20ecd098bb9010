import { AppError } from '../errors.ts';

/** The fields of a cursor: the sort key of the last item of a page. */
export type CursorFields = readonly (string | number)[];

export interface CursorCodec<Fields extends CursorFields> {
  encode(fields: Fields): string;
  /** Throws CURSOR_INVALID (400) for anything `encode` did not give out. */
  decode(cursor: string): Fields;
}

type FieldType = 'string' | 'integer';
type FieldsOf<Types extends readonly FieldType[]> = {
  readonly [K in keyof Types]: Types[K] extends 'integer' ? number : string;
};

const cursorCharactersMax = 512;

/**
 * Opaque, versioned cursors of one list: `cursorCodec('entries@1', ['integer'])`. Base64url of a JSON array that
 * starts with the list's name, so that a cursor of another list, or of an older order, is refused rather than read
 * wrongly. They are not secret and not signed: they hold only what the page showed. Integers are 0 or more.
 */
export function cursorCodec<const Types extends readonly FieldType[]>(
  name: string,
  types: Types,
): CursorCodec<FieldsOf<Types>> {
  const encode = (fields: FieldsOf<Types>): string =>
    Buffer.from(JSON.stringify([name, ...fields]), 'utf8').toString('base64url');
  const decode = (cursor: string): FieldsOf<Types> => {
    const fields = parseFields(cursor, name, types);
    // Only the canonical spelling is a cursor we gave out.
    if (!fields || encode(fields as FieldsOf<Types>) !== cursor) {
      throw new AppError('CURSOR_INVALID', 'The cursor was not given out by this list', { status: 400 });
    }
    return fields as FieldsOf<Types>;
  };
  return { encode, decode };
}

function parseFields(cursor: string, name: string, types: readonly FieldType[]): CursorFields | undefined {
  if (cursor.length > cursorCharactersMax || !/^[A-Za-z0-9_-]+$/.test(cursor)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
  if (!Array.isArray(value) || value.length !== types.length + 1 || value[0] !== name) return undefined;
  const fields: unknown[] = value.slice(1);
  const fits = types.every((type, index) =>
    type === 'string' ? typeof fields[index] === 'string' : isCount(fields[index]),
  );
  return fits ? (fields as CursorFields) : undefined;
}

/** Keys hold numbers as uint64: a negative one is no place in a list. */
function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
