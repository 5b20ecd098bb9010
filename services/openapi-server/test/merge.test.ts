import { commonErrors } from '@lucid/common/apis/common-errors';
import { expect, test } from 'vitest';
import { type OpenApiDocument, parseDocument } from '../src/domain/document.ts';
import { mergeDocuments, type NamedDocument } from '../src/domain/merge.ts';

const options = { version: '9.9.9', gatewayUrl: 'http://gateway.test', docsUrl: 'http://docs.test' };

const operation = (operationId: string, rest: object = {}) => ({
  operationId,
  tags: ['anything'],
  responses: { 200: { description: 'Done' }, 400: { $ref: '#/components/responses/Bad' } },
  ...rest,
});

const named = (
  service: string,
  paths: object,
  components: object = { Bad: { description: 'Bad' } },
): NamedDocument => ({
  service,
  document: {
    openapi: '3.1.0',
    info: { title: service, version: '1', description: `The ${service}` },
    paths: paths as OpenApiDocument['paths'],
    components: { responses: components as never },
  },
});

type Merged = OpenApiDocument & {
  readonly servers: unknown;
  readonly tags: unknown;
  readonly components: Record<string, Record<string, { description?: string }>>;
};
const merge = (documents: readonly NamedDocument[]) => mergeDocuments(documents, options) as unknown as Merged;
const operationAt = (merged: Merged, path: string, method: string) =>
  merged.paths[path]?.[method] as { operationId: string; tags: string[]; responses: Record<string, { $ref?: string }> };

test('paths stand behind the gateway, and each service has a tag', () => {
  const merged = merge([
    named('ledger', { '/entries': { get: operation('listEntries') } }),
    named('blockchain-api', { '/': { post: operation('rpc') } }),
    named('gateway', { '/status': { get: operation('getStatus') } }),
  ]);
  expect(Object.keys(merged.paths)).toEqual(['/api/v1/ledger/entries', '/api/v1/chain', '/status']);
  expect(merged.servers).toEqual([{ url: 'http://gateway.test', description: 'The gateway' }]);
  expect(merged.tags).toEqual([
    { name: 'ledger', description: 'The ledger' },
    { name: 'blockchain-api', description: 'The blockchain-api' },
    { name: 'gateway', description: 'The gateway' },
  ]);
  expect(operationAt(merged, '/api/v1/chain', 'post').tags).toEqual(['blockchain-api']);
  expect(() => parseDocument(JSON.stringify(merged))).not.toThrow();
});

test('the documentation’s edge has its own server', () => {
  const merged = merge([named('openapi-gateway', { '/docs': { get: operation('getDocs') } })]);
  expect(merged.paths['/docs']?.['servers']).toEqual([{ url: 'http://docs.test' }]);
});

test('what the gateway may answer is said, beside what the service says', () => {
  const own = { 200: { description: 'Done' }, 429: { description: 'Own' } };
  const merged = merge([named('ledger', { '/a': { get: operation('a'), put: operation('b', { responses: own }) } })]);
  expect(operationAt(merged, '/api/v1/ledger/a', 'get').responses['502']?.$ref).toBe(
    '#/components/responses/BadGateway',
  );
  expect(operationAt(merged, '/api/v1/ledger/a', 'put').responses['429']).toEqual({
    description: `Own\n\n\`RATE_LIMITED\`: ${commonErrors.RATE_LIMITED.doc}`,
  });
});

test('operations between services, and services no client reaches, are left out', () => {
  const merged = merge([
    named('ledger', { '/a': { get: operation('a', { 'x-internal': true }) } }),
    named('vm', { '/rpc': { post: operation('rpc') } }),
    named('openapi-server', { '/refresh': { post: operation('refresh') } }),
  ]);
  expect(merged.paths).toEqual({});
  expect(merged.tags).toEqual([]);
});

test('operationIds that clash get their service in front; others stay', () => {
  const merged = merge([
    named('ledger', { '/status': { get: operation('getStatus') }, '/a': { get: operation('getA') } }),
    named('blockchain-api', { '/status': { get: operation('getStatus') } }),
  ]);
  expect(operationAt(merged, '/api/v1/ledger/status', 'get').operationId).toBe('ledgerGetStatus');
  expect(operationAt(merged, '/api/v1/chain/status', 'get').operationId).toBe('blockchainApiGetStatus');
  expect(operationAt(merged, '/api/v1/ledger/a', 'get').operationId).toBe('getA');
});

test('equal components are shared, others renamed with every reference, unused ones dropped', () => {
  const paths = { '/a': { get: operation('a') } };
  const merged = merge([
    named('ledger', paths),
    named('sessions', paths),
    named('governance', paths, { Bad: { description: 'Very bad' }, Unused: { description: 'Unused' } }),
  ]);
  const { responses } = merged.components;
  expect(responses?.['LedgerBad']).toEqual({ description: 'Bad' });
  expect(responses?.['GovernanceBad']).toEqual({ description: 'Very bad' });
  expect(responses).not.toHaveProperty('Unused');
  expect(operationAt(merged, '/api/v1/governance/a', 'get').responses['400']?.$ref).toBe(
    '#/components/responses/GovernanceBad',
  );
  const same = merge([named('ledger', paths), named('sessions', paths)]);
  expect(Object.keys(same.components['responses'] ?? {})).toContain('Bad');
  expect(operationAt(same, '/api/v1/sessions/a', 'get').responses['400']?.$ref).toBe('#/components/responses/Bad');
});

test('the same documents make the same bytes', () => {
  const documents = [named('ledger', { '/a': { get: operation('a') } }), named('sessions', {})];
  expect(JSON.stringify(merge(documents))).toBe(JSON.stringify(merge(structuredClone(documents))));
});
