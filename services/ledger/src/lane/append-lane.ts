import { ledgerApi } from '@lucid/common/apis/ledger';
import { defaultLogName, ledgerEntryBytesMax } from '@lucid/common/apis/ledger-schemas';
import {
  answeredLater,
  type LaneAnswer,
  type LaneReply,
  type LaneRequest,
  type LaneRoute,
} from '@lucid/common/http/fast-lane/route';
import type { Identity } from '@lucid/common/http/identity';
import { appendEntry, appendOne, receiptOf } from '../domain/appending.ts';
import type { LogHost } from '../domain/log-host.ts';

const rawType = 'application/octet-stream';
const jsonType = 'application/json';
const before = Buffer.from('{"entry":"');
const after = Buffer.from('"}');
const bodyBytesMax = before.length + after.length + Math.ceil(ledgerEntryBytesMax / 3) * 4;

/** One log the lane appends to. */
export type LaneLog = { readonly name: string; readonly host: LogHost };

/** Single appends, raw and as JSON, with and without an Idempotency-Key and a receipt, on the fast lane. */
export function appendLaneRoutes(logs: readonly LaneLog[]): LaneRoute[] {
  const { appendEntry: ofDefault, appendEntryInLog } = ledgerApi.operations;
  return logs.flatMap(({ name, host }) => {
    const { path } = appendEntryInLog;
    const named: Place = { host, operationId: 'appendEntryInLog', path: path.replace('{log}', name) as Place['path'] };
    const places: Place[] =
      name === defaultLogName ? [{ ...named, operationId: 'appendEntry', path: ofDefault.path }, named] : [named];
    return places.flatMap((place) => [routeOf(place, false), routeOf(place, true)]);
  });
}

type Place = { readonly host: LogHost; readonly operationId: string; readonly path: `/${string}` };

function routeOf({ host, operationId, path }: Place, withReceipt: boolean): LaneRoute {
  const { method, access } = ledgerApi.operations.appendEntry;
  return {
    method,
    target: `${path}${withReceipt ? '?receipt=1' : ''}`,
    operationId,
    access,
    contentTypes: [rawType, jsonType],
    bodyBytesMax,
    headers: ['idempotency-key'],
    serve: (request, reply) => {
      const entry = entryOf(request);
      if (!entry || !request.identity) return undefined;
      if (withReceipt) return appendForReceipt(host, entry, request.identity, request);
      append(host, entry, request, reply);
      return answeredLater;
    },
  };
}

/** As the route of `appendEntry` does, without a promise. */
function append(host: LogHost, entry: Buffer, { identity, headers }: LaneRequest, reply: LaneReply): void {
  const appender = { identity: identity as Identity, key: headers['idempotency-key'] };
  appendOne(host.log, entry, appender, {
    appended: (leafIndex, hashes, offset) => reply.answer(answer(bodyOf(leafIndex, hashes, offset))),
    refused: reply.fail,
  });
}

async function appendForReceipt(
  host: LogHost,
  entry: Buffer,
  identity: Identity,
  { headers }: LaneRequest,
): Promise<LaneAnswer> {
  const { log } = host;
  const { leafIndex, leafHash } = await appendEntry(log, entry, { identity, key: headers['idempotency-key'] });
  const body = bodyOf(leafIndex, Buffer.from(leafHash), 0);
  const receipt = await receiptOf(log, leafIndex);
  // A signed note has a dash that is not ASCII.
  return answer(receipt ? Buffer.from(`${body.slice(0, -1)},${JSON.stringify(receipt).slice(1)}`) : body);
}

function bodyOf(leafIndex: number, hashes: Buffer, offset: number): string {
  return `{"leafIndex":${leafIndex},"leafHash":"${hashes.toString('hex', offset, offset + 32)}"}`;
}

function answer(body: string | Buffer): LaneAnswer {
  return { status: 201, body, contentType: 'application/json; charset=utf-8' };
}

/** The entry of a body; undefined where it is not one `Buffer` and `JSON.parse` agree on at a glance. */
function entryOf({ body, contentType }: LaneRequest): Buffer | undefined {
  const entry = contentType === rawType ? body : decodeJson(body);
  return entry && entry.length > 0 && entry.length <= ledgerEntryBytesMax ? entry : undefined;
}

/** The bytes of `{"entry":"…"}` written without a space, in the one base64 spelling they have (RFC 4648 §3.5). */
function decodeJson(body: Buffer): Buffer | undefined {
  const end = body.length - after.length;
  if (end < before.length || before.compare(body, 0, before.length) !== 0) return undefined;
  if (after.compare(body, end) !== 0) return undefined;
  const text = body.toString('latin1', before.length, end);
  const entry = Buffer.from(text, 'base64');
  return entry.toString('base64') === text ? entry : undefined;
}
