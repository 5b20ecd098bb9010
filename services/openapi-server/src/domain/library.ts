import type { ServiceDocument, ServiceDocuments } from '@lucid/common/apis/openapi';
import { isAppError } from '@lucid/common/errors';
import { openapiError } from '../errors.ts';
import { type OpenApiDocument, operationsOf, parseDocument } from './document.ts';
import { type MergeOptions, mergeDocuments, type NamedDocument } from './merge.ts';

/** Where a service's document is read. Rejects when the service does not answer one. */
export interface DocumentSource {
  readonly service: string;
  read(): Promise<string>;
}

/** A document as it was last read and found good. */
export interface StoredDocument {
  /** RFC 3339. */
  readonly readAt: string;
  readonly text: string;
}

/** Keeps the last good documents. `save` resolves once the document is durable; `load` finds the last saved one. */
export interface DocumentStore {
  load(service: string): Promise<StoredDocument | undefined>;
  save(service: string, document: StoredDocument): Promise<void>;
}

interface Shelf {
  readonly source: DocumentSource;
  document: OpenApiDocument | undefined;
  stored: StoredDocument | undefined;
  state: ServiceDocument['state'];
  detail: string | undefined;
}

/** The services' documents, the last good one of each, and the document merged from them. */
export class Library {
  readonly #shelves: readonly Shelf[];
  readonly #store: DocumentStore;
  readonly #options: MergeOptions;
  readonly #now: () => string;
  #merged: string | undefined;
  #refreshing: Promise<void> | undefined;

  private constructor(shelves: readonly Shelf[], store: DocumentStore, options: MergeOptions, now: () => string) {
    this.#shelves = shelves;
    this.#store = store;
    this.#options = options;
    this.#now = now;
  }

  /** @param now the time as RFC 3339 */
  static async open(
    sources: readonly DocumentSource[],
    store: DocumentStore,
    options: MergeOptions,
    now: () => string,
  ): Promise<Library> {
    const shelves = await Promise.all(
      sources.map(async (source): Promise<Shelf> => {
        const kept = await restore(store, source.service);
        const state = kept ? 'stale' : 'missing';
        return { source, document: kept?.document, stored: kept?.stored, state, detail: 'Not read since the start.' };
      }),
    );
    return new Library(shelves, store, options, now);
  }

  /** Reads every document again. Callers that come meanwhile share the same reading. Never rejects for a service. */
  async refresh(): Promise<void> {
    this.#refreshing ??= Promise.all(this.#shelves.map((shelf) => this.#read(shelf))).then(() => undefined);
    try {
      await this.#refreshing;
    } finally {
      this.#refreshing = undefined;
    }
  }

  get isCurrent(): boolean {
    return this.#shelves.every(({ state }) => state === 'current');
  }

  /** The merged document as JSON. @throws OPENAPI_DOCUMENT_MISSING before anything was ever read */
  merged(): string {
    if (this.#merged !== undefined) return this.#merged;
    const known = this.#shelves.flatMap(({ source, document }): NamedDocument[] =>
      document ? [{ service: source.service, document }] : [],
    );
    if (known.length === 0) throw openapiError('OPENAPI_DOCUMENT_MISSING', 'No document has been read yet.');
    this.#merged = JSON.stringify(mergeDocuments(known, this.#options));
    return this.#merged;
  }

  /** A service's document as it served it. @throws OPENAPI_SERVICE_UNKNOWN, OPENAPI_DOCUMENT_MISSING */
  documentOf(service: string): string {
    const shelf = this.#shelves.find(({ source }) => source.service === service);
    if (!shelf) throw openapiError('OPENAPI_SERVICE_UNKNOWN', `There is no service ${service}.`);
    if (shelf.stored) return shelf.stored.text;
    throw openapiError('OPENAPI_DOCUMENT_MISSING', `${service} has not answered a document yet.`, { retryAfterSec: 5 });
  }

  list(): ServiceDocuments {
    const items = this.#shelves.map(({ source, document, stored, state, detail }) => ({
      service: source.service,
      state,
      operationCount: document ? [...operationsOf(document)].length : 0,
      ...(document ? { title: document.info.title, version: document.info.version } : {}),
      ...(stored ? { readAt: stored.readAt } : {}),
      ...(detail === undefined ? {} : { detail }),
    }));
    return { isComplete: items.every(({ state }) => state !== 'missing'), items };
  }

  async #read(shelf: Shelf): Promise<void> {
    let text: string;
    try {
      text = await shelf.source.read();
    } catch (error) {
      this.#set(shelf, shelf.document ? 'stale' : 'missing', error);
      return;
    }
    try {
      const document = parseDocument(text);
      if (text !== shelf.stored?.text) {
        const stored = { readAt: this.#now(), text };
        await this.#store.save(shelf.source.service, stored);
        shelf.document = document;
        shelf.stored = stored;
        this.#merged = undefined;
      } else {
        shelf.stored = { readAt: this.#now(), text };
      }
      this.#set(shelf, 'current', undefined);
    } catch (error) {
      if (!isAppError(error, 'OPENAPI_DOCUMENT_INVALID')) throw error;
      this.#set(shelf, 'quarantined', error);
    }
  }

  #set(shelf: Shelf, state: ServiceDocument['state'], reason: unknown): void {
    shelf.state = state;
    shelf.detail = reason === undefined ? undefined : reason instanceof Error ? reason.message : 'It failed.';
  }
}

/** What was kept of a service; a kept document that is damaged is as good as none, since it will be read again. */
async function restore(store: DocumentStore, service: string) {
  try {
    const stored = await store.load(service);
    return stored && { stored, document: parseDocument(stored.text) };
  } catch (error) {
    if (error instanceof SyntaxError || isAppError(error, 'OPENAPI_DOCUMENT_INVALID')) return undefined;
    throw error;
  }
}
