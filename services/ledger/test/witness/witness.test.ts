import { toHex, utf8 } from '@lucid/common/formats/bytes';
import { signCheckpoint } from '@lucid/common/formats/checkpoint';
import { emptyRootHash } from '@lucid/common/formats/merkle';
import { openNote, parseVerifierKey, signNote } from '@lucid/common/formats/note';
import { sha256 } from '@lucid/common/formats/sha256';
import { expect, test } from 'vitest';
import { createWitnessApp, openTestWitness, type TestWitness } from '../support/test-witness.ts';
import { createWitnessedLog, createWitnessPem } from '../support/witnessed-log.ts';

async function add({ app }: TestWitness, payload: string | Uint8Array, type?: string) {
  const headers = type === undefined ? {} : { 'content-type': type };
  return app.inject({ method: 'POST', url: '/witness/add-checkpoint', payload: Buffer.from(payload), headers });
}

function verifiersOf({ witness }: TestWitness) {
  return witness.keys.map(({ verifier }) => verifier);
}

test('cosigns a log from its first checkpoint on, in whatever content type it comes', async () => {
  const log = await createWitnessedLog();
  await using witness = await openTestWitness({ vkeys: [log.vkey] });
  for (const [oldSize, treeSize, type] of [
    [0, 0, 'text/plain'],
    [0, 5, undefined],
    [5, 5, 'application/json'],
    [5, 9, 'application/x-www-form-urlencoded'],
    [9, 64, 'application/octet-stream'],
  ] as const) {
    const answer = await add(witness, await log.request(oldSize, treeSize), type);
    expect([answer.statusCode, answer.payload.startsWith('\u2014 witness.test/w ')]).toEqual([200, true]);
    const opened = await openNote((await log.note(treeSize)) + answer.payload, verifiersOf(witness));
    expect(opened.verified[0]?.timestampSec).toBeGreaterThan(1_700_000_000);
  }
});

test('answers with a cosignature of each kind of key, which the checkpoint it serves carries', async () => {
  const log = await createWitnessedLog();
  const pem = createWitnessPem() + createWitnessPem('ml-dsa-44');
  await using witness = await openTestWitness({ vkeys: [log.vkey], pem });
  const url = `/witness/${toHex(sha256(utf8(log.origin)))}/checkpoint`;
  expect((await witness.app.inject(url)).statusCode).toBe(404);
  const answer = await add(witness, await log.request(0, 7));
  const served = await witness.app.inject(url);
  expect(served.payload).toBe((await log.note(7)) + answer.payload);
  const opened = await openNote(served.payload, [parseVerifierKey(log.vkey), ...verifiersOf(witness)]);
  expect(opened.verified.map(({ verifier }) => verifier.type)).toEqual([0x01, 0x04, 0x06]);
  const { verifierKeys, origins } = (await witness.app.inject('/witness')).json();
  expect(verifierKeys.map(parseVerifierKey)).toEqual(verifiersOf(witness));
  expect(origins).toEqual([log.origin]);
});

test('another old size is answered with the size that was cosigned last', async () => {
  const log = await createWitnessedLog();
  await using witness = await openTestWitness({ vkeys: [log.vkey] });
  const sizeOf = async (request: string) => {
    const { statusCode, headers, payload } = await add(witness, request);
    return [statusCode, headers['content-type'], payload];
  };
  expect(await sizeOf(await log.request(3, 5))).toEqual([409, 'text/x.tlog.size', '0\n']);
  expect((await add(witness, await log.request(0, 8))).statusCode).toBe(200);
  expect(await sizeOf(await log.request(0, 9))).toEqual([409, 'text/x.tlog.size', '8\n']);
  expect(await sizeOf(await log.request(5, 6))).toEqual([409, 'text/x.tlog.size', '8\n']);
});

test('refuses what is not the log\u2019s, malformed or inconsistent, each with its status, and cosigns on', async () => {
  const log = await createWitnessedLog();
  const stranger = await createWitnessedLog('stranger.test/log');
  const impostor = await createWitnessedLog(log.origin);
  await using witness = await openTestWitness({ vkeys: [log.vkey] });
  expect((await add(witness, await log.request(0, 8))).statusCode).toBe(200);
  const good = await log.request(8, 12);
  const [head = '', body = ''] = good.split('\n\n', 2);
  const signature = good.slice(good.lastIndexOf('\u2014'));
  const forged = signature.replace(/.{6}==?\n$/u, (end) => `AAAAAA${end.slice(6)}`);
  const root = await signCheckpoint({ origin: log.origin, treeSize: 0, rootHash: new Uint8Array(32) }, [log.signer]);
  const extra = await signNote(`${log.origin}\n12\n${body.split('\n')[2]}\n\nx\n`, [log.signer]);
  const cases: [string, number, string | Uint8Array][] = [
    ['no body', 400, ''],
    ['not UTF-8', 400, Uint8Array.of(0xff)],
    ['no old line', 400, good.replace('old 8\n', '')],
    ['a size with a zero before it', 400, good.replace('old 8', 'old 08')],
    ['a size with a sign', 400, good.replace('old 8', 'old +8')],
    ['lines that end in CR LF', 400, good.replaceAll('\n', '\r\n')],
    ['a hash cut short', 400, good.replace(/=\n/u, '\n')],
    ['64 hashes', 400, good.replace(head, ['old 8', ...Array(64).fill(`${'A'.repeat(43)}=`)].join('\n'))],
    ['no empty line before the note', 400, good.replace('\n\n', '\n')],
    ['an old size past the checkpoint', 400, await log.request(13, 12)],
    ['no signature', 400, good.replace(signature, '')],
    ['an empty extension line', 400, `old 8\n\n${extra}`],
    ['another log', 404, await stranger.request(0, 8)],
    ['another\u2019s signature', 403, await impostor.request(8, 12)],
    ['a signature of the key that is wrong', 403, good.replace(signature, forged)],
    ['one good and one wrong', 403, good.replace(signature, signature + forged)],
    ['another history', 422, await log.request(8, 12, 'other ')],
    ['no proof', 422, good.replace(head, 'old 8')],
    ['a proof with a hash too many', 422, good.replace('\n\n', `\n${'A'.repeat(43)}=\n\n`)],
    ['another root of the same size', 409, await log.request(8, 8, 'other ')],
    ['a proof between equal sizes', 422, (await log.request(8, 8)).replace('\n\n', `\n${'A'.repeat(43)}=\n\n`)],
    ['an old size of 0 while 8 is known', 409, `old 0\n\n${root}`],
  ];
  for (const [name, status, request] of cases) {
    expect([name, (await add(witness, request)).statusCode]).toEqual([name, status]);
  }
  expect((await add(witness, good)).statusCode).toBe(200);
});

test('the empty tree has one root, and from size 0 there is nothing to prove', async () => {
  const log = await createWitnessedLog();
  await using witness = await openTestWitness({ vkeys: [log.vkey] });
  const empty = { origin: log.origin, treeSize: 0 };
  const wrong = await signCheckpoint({ ...empty, rootHash: new Uint8Array(32) }, [log.signer]);
  const right = await signCheckpoint({ ...empty, rootHash: emptyRootHash() }, [log.signer]);
  expect((await add(witness, `old 0\n\n${wrong}`)).statusCode).toBe(422);
  expect((await add(witness, `old 0\n${'A'.repeat(43)}=\n\n${right}`)).statusCode).toBe(422);
  expect((await add(witness, `old 0\n\n${right}`)).statusCode).toBe(200);
});

test('cosigns extension lines as opaque text, and ignores strangers\u2019 signatures', async () => {
  const log = await createWitnessedLog();
  const stranger = await createWitnessedLog('stranger.test/log');
  await using witness = await openTestWitness({ vkeys: [log.vkey] });
  const [origin = '', size = '', root = ''] = (await log.note(6)).split('\n');
  const text = `${origin}\n${size}\n${root}\nan extension\nanother\n`;
  const note = await signNote(text, [stranger.signer, log.signer]);
  const answer = await add(witness, `old 0\n\n${note}`);
  expect(answer.statusCode).toBe(200);
  expect((await openNote(note + answer.payload, verifiersOf(witness))).text).toBe(text);
  const plain = await add(witness, await log.request(6, 6));
  expect((await openNote((await log.note(6)) + plain.payload, verifiersOf(witness))).verified).toHaveLength(1);
});

test('of many requests from one size only one moves it; no two cosigned trees contradict one another', async () => {
  const log = await createWitnessedLog();
  await using witness = await openTestWitness({ vkeys: [log.vkey] });
  expect((await add(witness, await log.request(0, 4))).statusCode).toBe(200);
  const requests = await Promise.all([5, 6, 7, 8, 9, 10].map((size) => log.request(4, size, size % 2 ? '' : 'other ')));
  const mixed = await Promise.all(requests.map((request) => add(witness, request)));
  expect(mixed.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
  expect(mixed.filter(({ statusCode }) => statusCode === 409 || statusCode === 422)).toHaveLength(5);
});

test('a log\u2019s limit is its own: neither strangers nor its published checkpoints use it up', async () => {
  const log = await createWitnessedLog();
  const impostor = await createWitnessedLog(log.origin);
  await using witness = await openTestWitness({ vkeys: [log.vkey], perMinute: 2 });
  for (let round = 0; round < 5; round += 1) await add(witness, await impostor.request(0, 3));
  expect((await add(witness, await log.request(0, 3))).statusCode).toBe(200);
  for (let round = 0; round < 5; round += 1) {
    expect((await add(witness, await log.request(3, 3))).statusCode).toBe(200);
    expect((await add(witness, await log.request(0, 3))).statusCode).toBe(409);
  }
  expect((await add(witness, await log.request(3, 4))).statusCode).toBe(200);
  const refused = await add(witness, await log.request(4, 5));
  expect([refused.statusCode, refused.json().code]).toEqual([429, 'LEDGER_WITNESS_LIMIT']);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
});

test('the same checkpoint again costs no new signature within a minute, and gets a newer time after it', async () => {
  const log = await createWitnessedLog();
  let nowMs = 1_800_000_000_000;
  await using witness = await openTestWitness({ vkeys: [log.vkey], nowMs: () => nowMs });
  const timeOf = async (oldSize: number) => {
    const answer = await add(witness, await log.request(oldSize, 5));
    const { verified } = await openNote((await log.note(5)) + answer.payload, verifiersOf(witness));
    return verified[0]?.timestampSec;
  };
  expect(await timeOf(0)).toBe(1_800_000_000);
  nowMs += 59_000;
  expect(await timeOf(5)).toBe(1_800_000_000);
  nowMs += 2_000;
  expect(await timeOf(5)).toBe(1_800_000_061);
  nowMs -= 1_000_000;
  expect(await timeOf(5)).toBe(1_800_000_061);
});

test('a line that a stranger repeats is kept once', async () => {
  const log = await createWitnessedLog();
  await using witness = await openTestWitness({ vkeys: [log.vkey] });
  const note = await log.note(6);
  const line = note.slice(note.lastIndexOf('\u2014'));
  const answer = await add(witness, `old 0\n\n${note}${line.repeat(99)}`);
  expect(answer.statusCode).toBe(200);
  const served = await witness.app.inject(`/witness/${toHex(sha256(utf8(log.origin)))}/checkpoint`);
  expect(served.payload).toBe(note + answer.payload);
});

test('without a key there is no witness', async () => {
  const log = await createWitnessedLog();
  await using app = await createWitnessApp(undefined);
  const payload = await log.request(0, 3);
  const answer = await app.inject({ method: 'POST', url: '/witness/add-checkpoint', payload });
  expect([answer.statusCode, answer.json().code]).toEqual([404, 'LEDGER_WITNESS_OFF']);
});
