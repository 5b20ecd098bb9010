import { assert as holds, jsonValue, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDocument } from '../src/domain/document.ts';

const good = {
  openapi: '3.1.0',
  info: { title: 'Shelf', version: '1.0.0' },
  paths: {
    '/books/{id}': {
      get: {
        operationId: 'getBook',
        parameters: [{ in: 'path', name: 'id', required: true, schema: { type: 'string' } }],
        responses: { 200: { $ref: '#/components/responses/Book' } },
      },
    },
  },
  components: { responses: { Book: { description: 'A book' } } },
};
const item = good.paths['/books/{id}'];

const withPaths = (paths: unknown) => JSON.stringify({ ...good, paths });
const withOperation = (operation: unknown) => withPaths({ '/books/{id}': { get: operation } });

test('a good document is taken as it is', () => {
  expect(parseDocument(JSON.stringify(good))).toEqual(good);
});

describe('a bad document is refused, and the reason named', () => {
  const cases: [string, string, string][] = [
    ['not JSON', '{', 'is not JSON'],
    ['an array', '[]', 'is not a JSON object'],
    ['null', 'null', 'is not a JSON object'],
    ['OpenAPI 3.0', JSON.stringify({ ...good, openapi: '3.0.3' }), '/openapi is not 3.1.x'],
    ['Swagger 2', JSON.stringify({ ...good, openapi: undefined, swagger: '2.0' }), '/openapi is not 3.1.x'],
    ['no info', JSON.stringify({ ...good, info: undefined }), '/info has no title and version'],
    ['paths a list', withPaths([]), '/paths is not an object'],
    ['a path without a slash', withPaths({ books: {} }), '/paths/books is not a path'],
    ['an operation that is text', withOperation('x'), 'is not an operation'],
    ['no operationId', withOperation({ ...item.get, operationId: undefined }), 'has no operationId'],
    ['an operationId with a script', withOperation({ ...item.get, operationId: '<script>' }), 'has no operationId'],
    ['no answer', withOperation({ ...item.get, responses: {} }), 'declares no answer'],
    ['an undeclared path parameter', withOperation({ ...item.get, parameters: [] }), 'path parameter id'],
    ['one operationId twice', withPaths({ '/a': { get: { ...item.get } }, '/b': { get: { ...item.get } } }), 'twice'],
    ['a reference to nowhere', JSON.stringify({ ...good, components: {} }), 'leads nowhere'],
    ['a reference outside', withOperation({ ...item.get, x: { $ref: 'https://evil.example/x.json' } }), 'leads out'],
    ['a reference to a prototype', withOperation({ ...item.get, x: { $ref: '#/constructor' } }), 'leads nowhere'],
    ['__proto__', `{"__proto__":{},${JSON.stringify(good).slice(1)}`, '__proto__'],
    ['nested too deeply', withOperation({ ...item.get, x: JSON.parse('['.repeat(90) + ']'.repeat(90)) }), 'too deeply'],
    ['too large', `${JSON.stringify(good)}${' '.repeat(4 * 1024 * 1024)}`, 'is larger than'],
  ];
  test.each(cases)('%s', (_name, text, reason) => {
    expect(() => parseDocument(text)).toThrow(expect.objectContaining({ code: 'OPENAPI_DOCUMENT_INVALID' }));
    expect(() => parseDocument(text)).toThrow(reason);
  });

  test('whatever comes, a document or a coded error', () => {
    holds(
      property(jsonValue(), jsonValue(), (paths, components) => {
        try {
          parseDocument(JSON.stringify({ ...good, paths, components }));
        } catch (error) {
          expect(error).toMatchObject({ code: 'OPENAPI_DOCUMENT_INVALID' });
        }
      }),
    );
  });
});
