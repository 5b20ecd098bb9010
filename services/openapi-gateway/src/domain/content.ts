/** Bytes that can be answered: what they are, and the tag that changes when they do. */
export interface Content {
  readonly bytes: Uint8Array;
  readonly type: string;
  readonly etag: string;
}

/** Content another service made. */
export interface RemoteContent extends Content {
  /** Whether the other service did not answer just now, and this is the last it said. */
  readonly isLastKnown: boolean;
}

/** A file of the pages, under a name that holds its hash, so that it never changes under that name. */
export interface Asset extends Content {
  readonly file: string;
}

/** The files of the pages. */
export interface Assets {
  /** The asset of a hashed name, or undefined. */
  find(file: string): Asset | undefined;
  /** Where the pages load a file from: `docs.js` to `/assets/docs.0123456789abcdef.js`. */
  pathOf(name: string): string;
  /** The text of a page's template. */
  template(name: string): string;
}

/** The documents openapi-server makes. */
export interface Documents {
  /**
   * The content at one of openapi-server's paths, or the last known of it when openapi-server does not answer.
   * @throws OPENAPI_SERVICE_UNKNOWN; OPENAPI_DOCUMENT_MISSING when nothing is known
   */
  read(path: string): Promise<RemoteContent>;
}

export type ContentCoding = 'br' | 'gzip' | 'identity';

/** The best coding the client takes (RFC 9110 §12.5.3); identity when it names none. */
export function chooseCoding(acceptEncoding: string | undefined): ContentCoding {
  const taken = new Set(
    (acceptEncoding ?? '')
      .split(',')
      .map((part) =>
        part
          .trim()
          .toLowerCase()
          .split(/\s*;\s*/),
      )
      .filter(([, quality]) => !/^q=0(?:\.0{0,3})?$/.test(quality ?? ''))
      .map(([name]) => name),
  );
  if (taken.has('br')) return 'br';
  return taken.has('gzip') ? 'gzip' : 'identity';
}
