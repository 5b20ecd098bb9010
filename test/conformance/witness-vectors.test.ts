import { encodeAddCheckpoint, parseAddCheckpoint } from '@lucid/common/formats/add-checkpoint';
import { parseHex, toBase64, toHex, utf8 } from '@lucid/common/formats/bytes';
import { type CosignedSubtree, mlDsaCosignedMessage } from '@lucid/common/formats/cosignature';
import { openNote, parseVerifierKey } from '@lucid/common/formats/note';
import { parsePolicy } from '@lucid/common/formats/policy';
import { expect, test } from 'vitest';
import { failureCode, readVectors } from './vectors.ts';

/** Cases that fail with the file's code, or each with its own. */
interface Refusals<T> {
  code: string;
  cases: (T & { name: string; code?: string })[];
}

async function expectRefusals<T>({ code, cases }: Refusals<T>, act: (item: T) => unknown): Promise<void> {
  const found = await Promise.all(cases.map(async (item) => `${item.name}: ${await failureCode(() => act(item))}`));
  expect(found).toEqual(cases.map((item) => `${item.name}: ${item.code ?? code}`));
  expect(found.length).toBeGreaterThan(10);
}

test('cosignatures, by keys of both types', async () => {
  interface Cosignatures {
    cases: { name: string; verifierKey: string; note: string; timestampSec: number }[];
    messages: (Omit<CosignedSubtree, 'hash'> & { hash: string; message: string })[];
  }
  const { cases, messages } = readVectors('valid', 'cosignatures') as Cosignatures;
  for (const { name, verifierKey, note, timestampSec } of cases) {
    const { verified } = await openNote(note, [parseVerifierKey(verifierKey)]);
    expect([name, verified.map((line) => line.timestampSec)]).toEqual([name, [timestampSec]]);
  }
  for (const { hash, message, ...subtree } of messages) {
    expect(toHex(mlDsaCosignedMessage({ ...subtree, hash: parseHex(hash) }))).toBe(message);
  }
  const refusals = readVectors('invalid', 'cosignatures') as Refusals<{ verifierKey: string; note: string }>;
  await expectRefusals(refusals, ({ verifierKey, note }) => openNote(note, [parseVerifierKey(verifierKey)]));
});

test('policies, and whose cosignatures meet them', async () => {
  interface Policies {
    cases: {
      name: string;
      policy: string;
      logs: number;
      witnesses: number;
      urls: string[];
      met: string[][];
      unmet: string[][];
    }[];
  }
  for (const item of (readVectors('valid', 'policies') as Policies).cases) {
    const { logs, witnesses, urls, isQuorum } = parsePolicy(utf8(item.policy));
    const isMet = (names: string[]) => isQuorum(new Set(witnesses.filter((witness) => names.includes(witness.name))));
    expect({ ...item, logs: logs.length, witnesses: witnesses.length, urls: [...urls.values()] }).toEqual(item);
    expect([item.name, item.met.map(isMet)]).toEqual([item.name, item.met.map(() => true)]);
    expect([item.name, item.unmet.map(isMet)]).toEqual([item.name, item.unmet.map(() => false)]);
  }
  const refusals = readVectors('invalid', 'policies') as Refusals<{ policy: string }>;
  await expectRefusals(refusals, ({ policy }) => parsePolicy(policy));
});

test('what a witness is asked', async () => {
  interface Requests {
    cases: { name: string; body: string; oldSize: number; proof: string[]; checkpoint: string }[];
  }
  for (const { name: _name, body, ...parts } of (readVectors('valid', 'add-checkpoints') as Requests).cases) {
    const request = parseAddCheckpoint(utf8(body));
    expect({ ...request, proof: request.proof.map(toBase64) }).toEqual(parts);
    expect(encodeAddCheckpoint(request)).toBe(body);
  }
  const refusals = readVectors('invalid', 'add-checkpoints') as Refusals<{ body: string }>;
  await expectRefusals(refusals, ({ body }) => parseAddCheckpoint(utf8(body)));
});
