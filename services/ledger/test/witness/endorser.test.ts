import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { type OpenedCheckpoint, parseCheckpoint } from '@lucid/common/formats/checkpoint';
import { encodeSignatureLine, encodeVerifierKey, parseVerifierKey } from '@lucid/common/formats/note';
import { openTrustedCheckpoint, parsePolicy } from '@lucid/common/formats/policy';
import { parseSocksProxy } from '@lucid/common/http/socks';
import { Endorser } from '@lucid/ledger/witness/endorser';
import { readWitnessPolicy } from '@lucid/ledger/witness/policy-file';
import { WitnessTransport } from '@lucid/ledger/witness/transport';
import { expect, test } from 'vitest';
import { startSocksServer } from '../../../../packages/client/test/socks-server.ts';
import { createTestLogKey, openTestLog } from '../../../../test/support/ledger.ts';
import { openTestWitness, type TestWitness } from '../support/test-witness.ts';
import { createWitnessedLog, createWitnessPem, type WitnessedLog } from '../support/witnessed-log.ts';

/** A witness that listens. */
async function startWitness(log: WitnessedLog, name: string, pem?: string): Promise<TestWitness & { url: string }> {
  const witness = await openTestWitness({ vkeys: [log.vkey], name, ...(pem === undefined ? {} : { pem }) });
  const address = await witness.app.listen({ host: '127.0.0.1', port: 0 });
  return { ...witness, url: `${address}/witness`, [Symbol.asyncDispose]: () => witness[Symbol.asyncDispose]() };
}

/** A witness that answers as it likes. */
async function startServer(answer: RequestListener): Promise<AsyncDisposable & { url: string }> {
  const server = createServer(answer);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function policyOf(
  log: WitnessedLog,
  witnesses: readonly { witness?: TestWitness['witness']; vkey?: string; url: string }[],
  quorum: string,
): string {
  const names = witnesses.map((_, index) => `w${index}`);
  const lines = witnesses.flatMap(({ witness, vkey, url }, index) =>
    (witness?.keys.map((key) => key.vkey) ?? [vkey ?? '']).map(
      (key, at) => `witness ${names[index]}${at === 0 ? '' : `-${at}`} ${key} ${url}`,
    ),
  );
  return [`log ${log.vkey}`, ...lines, `group some ${quorum} ${names.join(' ')}`, 'quorum some', ''].join('\n');
}

type Options = { readonly timeoutMs?: number; readonly graceMs?: number; readonly socks?: string };

/** Pauses are counted, not waited for. */
function openEndorser(policy: string, { timeoutMs = 10_000, graceMs = 0, socks }: Options = {}) {
  const pauses: number[] = [];
  const proxy = socks === undefined ? {} : { socks: parseSocksProxy(socks) };
  const transport = new WitnessTransport({ ...proxy, socksTimeoutMs: timeoutMs, answerBytesMax: 10_000 });
  const sleep = async (ms: number): Promise<void> => void pauses.push(ms);
  const endorser = new Endorser({ policy: parsePolicy(policy), transport, sleep, timeoutMs, graceMs });
  return Object.assign(endorser, { pauses });
}

async function endorse(endorser: Endorser, log: WitnessedLog, treeSize: number, salt?: string): Promise<string> {
  const note = await log.note(treeSize, salt);
  const { signal } = new AbortController();
  return endorser.endorse(note, parseCheckpoint(note), signal, (oldSize) => log.prove(oldSize, treeSize, salt));
}

const cosignersOf = ({ verified }: OpenedCheckpoint): string[] =>
  verified.map(({ verifier }) => verifier.name).toSorted();

test('a checkpoint carries the cosignatures of its policy, of keys of either kind', async () => {
  const log = await createWitnessedLog();
  await using first = await startWitness(log, 'first.test', createWitnessPem() + createWitnessPem('ml-dsa-44'));
  await using second = await startWitness(log, 'second.test', createWitnessPem('ml-dsa-44'));
  const policy = policyOf(log, [first, second], 'all');
  await using endorser = openEndorser(policy);
  for (const size of [0, 1, 5, 5, 64]) {
    const opened = await openTrustedCheckpoint(await endorse(endorser, log, size), parsePolicy(policy));
    expect([opened.treeSize, opened.unknownCount]).toEqual([size, 0]);
    expect(cosignersOf(opened)).toEqual(['first.test', 'first.test', log.origin, 'second.test'].toSorted());
  }
  expect(endorser.status.map(({ witness, failureCount }) => [witness, failureCount])).toEqual([
    ['first.test', 0],
    ['second.test', 0],
  ]);
});

test('a log that forgot what its witness knows asks, and goes on from there', async () => {
  const log = await createWitnessedLog();
  await using witness = await startWitness(log, 'w.test');
  const policy = policyOf(log, [witness], 'all');
  for (const size of [7, 7, 9]) {
    await using endorser = openEndorser(policy);
    expect(await endorse(endorser, log, size)).toContain('\u2014 w.test ');
  }
});

test('a log that is behind its witness, or is another, gets no cosignature', async () => {
  const log = await createWitnessedLog();
  await using witness = await startWitness(log, 'w.test');
  await using endorser = openEndorser(policyOf(log, [witness], 'all'));
  await endorse(endorser, log, 20);
  await expect(endorse(endorser, log, 12)).rejects.toThrow('WITNESS_AHEAD');
  await expect(endorse(endorser, log, 12)).rejects.toThrow('WITNESS_AHEAD');
  await expect(endorse(endorser, log, 30, 'other ')).rejects.toThrow('WITNESS_REFUSED');
  expect(await endorse(endorser, log, 21)).toContain('\u2014 w.test ');
  expect(endorser.pauses).toHaveLength(3);
});

test('the policy is enough: witnesses that fail are left alone for longer each time', async () => {
  const log = await createWitnessedLog();
  await using good = await startWitness(log, 'good.test');
  let asked = 0;
  await using bad = await startServer((_request, response) => {
    asked += 1;
    response.writeHead(500).end('no');
  });
  const stranger = await openTestWitness({ vkeys: [log.vkey], name: 'bad.test' });
  await stranger[Symbol.asyncDispose]();
  const vkey = stranger.witness.keys[0]?.vkey ?? '';
  const some = policyOf(log, [good, { vkey, url: bad.url }], 'any');
  await using endorser = openEndorser(some);
  expect(await endorse(endorser, log, 3)).toContain('\u2014 good.test ');
  await using strict = openEndorser(policyOf(log, [good, { vkey, url: bad.url }], 'all'));
  for (let round = 0; round < 12; round += 1) {
    await expect(endorse(strict, log, 4 + round)).rejects.toMatchObject({
      code: 'WITNESS_POLICY_NOT_MET',
      status: 503,
    });
  }
  expect(asked).toBeGreaterThanOrEqual(13);
  expect(strict.pauses).toHaveLength(11);
  expect(strict.pauses[10]).toBeGreaterThan((strict.pauses[0] ?? 0) * 16);
  expect(Math.max(...strict.pauses)).toBeLessThanOrEqual(30_000);
  expect(strict.status.find(({ witness }) => witness === 'bad.test')).toMatchObject({ failureCount: 12 });
});

test('a witness that answers wrongly, too much or never gives no cosignature, and says why', async () => {
  const log = await createWitnessedLog();
  const key = await openTestWitness({ vkeys: [log.vkey], name: 'w.test' });
  await key[Symbol.asyncDispose]();
  const [identity] = key.witness.keys;
  const line = async (name: string, text: string) => {
    const signature = (await identity?.signer.sign(text)) ?? new Uint8Array();
    return encodeSignatureLine({ name, keyId: identity?.signer.keyId ?? '', signature });
  };
  const text = (await log.note(5)).split('\n\n')[0] ?? '';
  const size = { 'content-type': 'text/x.tlog.size' };
  const cases: [string, string, RequestListener][] = [
    ['nothing', 'WITNESS_ANSWER_MALFORMED', (_, response) => void response.end('')],
    ['no lines', 'WITNESS_ANSWER_MALFORMED', (_, response) => void response.end('hello\n')],
    [
      'a stranger\u2019s line',
      'WITNESS_ANSWER_MALFORMED',
      async (_, response) => void response.end(await line('x.test', `${text}\n`)),
    ],
    [
      'a signature of another text',
      'NOTE_SIGNATURE_INVALID',
      async (_, response) => void response.end(await line('w.test', `${text}\nx\n`)),
    ],
    ['too much', 'WITNESS_UNREACHABLE', (_, response) => void response.end('a'.repeat(20_000))],
    [
      'half an answer',
      'WITNESS_UNREACHABLE',
      (_, response) => void response.writeHead(200, { 'content-length': 99 }).write('a', () => response.destroy()),
    ],
    ['a size of another type', 'WITNESS_ANSWER_MALFORMED', (_, response) => void response.writeHead(409).end('3\n')],
    [
      'a size that is none',
      'WITNESS_ANSWER_MALFORMED',
      (_, response) => void response.writeHead(409, size).end('-3\n'),
    ],
    [
      'the size that was asked with',
      'WITNESS_ANSWER_MALFORMED',
      (_, response) => void response.writeHead(409, size).end('0\n'),
    ],
    [
      'another size each time',
      'WITNESS_REFUSED',
      (() => {
        let at = 1;
        return (_, response) => void response.writeHead(409, size).end(`${at++}\n`);
      })(),
    ],
    ['a larger size', 'WITNESS_AHEAD', (_, response) => void response.writeHead(409, size).end('6\n')],
    [
      'too many requests',
      'WITNESS_REFUSED',
      (_, response) => void response.writeHead(429, { 'retry-after': '120' }).end(),
    ],
    ['nothing at all', 'WITNESS_TIMEOUT', () => undefined],
  ];
  for (const [name, code, answer] of cases) {
    await using server = await startServer((request, response) => {
      request.resume().on('end', () => answer(request, response));
    });
    await using endorser = openEndorser(policyOf(log, [{ vkey: identity?.vkey ?? '', url: server.url }], 'all'), {
      timeoutMs: 200,
    });
    const failed: unknown = await endorse(endorser, log, 5).catch((error: unknown) => error);
    expect([name, String(failed)]).toEqual([name, expect.stringContaining(code)]);
  }
});

test('an onion address is reached through SOCKS, its name unresolved, and never otherwise', async () => {
  const log = await createWitnessedLog();
  await using witness = await startWitness(log, 'w.test');
  await using socks = await startSocksServer({ port: Number(new URL(witness.url).port) });
  const url = `http://${'a'.repeat(56)}.onion/witness/`;
  const policy = policyOf(log, [{ witness: witness.witness, url }], 'all');
  await using bare = openEndorser(policy);
  await expect(endorse(bare, log, 4)).rejects.toThrow('ONION_NEEDS_SOCKS');
  await using endorser = openEndorser(policy, { socks: socks.proxy });
  expect(await endorse(endorser, log, 4)).toContain('\u2014 w.test ');
  expect(await endorse(endorser, log, 5)).toContain('\u2014 w.test ');
  expect(socks.asked).toEqual([`${'a'.repeat(56)}.onion:80`]);
});

test('closing a log ends what is asked of its witnesses', async () => {
  const log = await createWitnessedLog();
  const asked = Promise.withResolvers<void>();
  await using server = await startServer(() => asked.resolve());
  const key = await openTestWitness({ vkeys: [log.vkey], name: 'w.test' });
  await key[Symbol.asyncDispose]();
  const endorser = openEndorser(policyOf(log, [{ witness: key.witness, url: server.url }], 'all'));
  const note = await log.note(3);
  const closing = new AbortController();
  const endorsed = endorser.endorse(note, parseCheckpoint(note), closing.signal, () => []);
  await asked.promise;
  closing.abort(new Error('closing'));
  await expect(endorsed).rejects.toThrow('closing');
  await endorser[Symbol.asyncDispose]();
});

test('of checkpoints that wait for one witness only the newest is sent', async () => {
  const log = await createWitnessedLog();
  const sizes: string[] = [];
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const arrived = Promise.withResolvers<void>();
  await using server = await startServer((request, response) => {
    void readText(request).then(async (body) => {
      const at = sizes.push(body.split('\n\n')[1]?.split('\n')[1] ?? '') - 1;
      arrived.resolve();
      await gates[at]?.promise;
      response.writeHead(500).end();
    });
  });
  const key = await openTestWitness({ vkeys: [log.vkey], name: 'w.test' });
  await key[Symbol.asyncDispose]();
  await using endorser = openEndorser(policyOf(log, [{ witness: key.witness, url: server.url }], 'all'));
  const first = endorse(endorser, log, 3);
  await arrived.promise;
  const second = endorse(endorser, log, 4);
  await log.note(5);
  const third = endorse(endorser, log, 5);
  await expect(second).rejects.toThrow('WITNESS_SUPERSEDED');
  for (const gate of gates) gate.resolve();
  await expect(first).rejects.toThrow('WITNESS_REFUSED');
  await expect(third).rejects.toThrow('WITNESS_REFUSED');
  expect(sizes).toEqual(['3', '5']);
});

test('what is published meets the policy or does not, whoever else has signed it', async () => {
  const log = await createWitnessedLog();
  await using witness = await startWitness(log, 'w.test');
  const policy = policyOf(log, [witness], 'all');
  await using endorser = openEndorser(policy);
  await using free = openEndorser(`${policy.slice(0, policy.lastIndexOf('quorum'))}quorum none\n`);
  const bare = await log.note(4);
  const cosigned = await endorse(endorser, log, 4);
  const moved = (await log.note(5)) + cosigned.slice(cosigned.indexOf('\u2014 w.test'));
  expect(await Promise.all([bare, cosigned, moved].map(endorser.isEndorsed))).toEqual([false, true, false]);
  expect(await Promise.all([bare, cosigned, moved].map(free.isEndorsed))).toEqual([true, true, true]);
});

test('an operator who sets a policy gets the tree that is there cosigned, a new log its empty one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-endorsed-'));
  const key = createTestLogKey();
  await using witness = await openTestWitness({ vkeys: [key.verifierKey], name: 'w.test' });
  const url = `${await witness.app.listen({ host: '127.0.0.1', port: 0 })}/witness`;
  const policy = parsePolicy(`witness w ${witness.witness.keys[0]?.vkey} ${url}\nquorum w\n`);
  await using endorser = openEndorser(`witness w ${witness.witness.keys[0]?.vkey} ${url}\nquorum w\n`);
  const { endorse: ask, isEndorsed } = endorser;
  for (const entries of [[], [Buffer.from('one')]]) {
    if (entries.length > 0) {
      await using plain = await openTestLog(folder, key);
      await plain.append({ entries });
      await plain.publishedFor(1);
    }
    const shown = Promise.withResolvers<void>();
    await using log = await openTestLog(
      folder,
      key,
      { endorse: ask, isEndorsed },
      { published: () => shown.resolve() },
    );
    await shown.promise;
    const { verified, treeSize } = await openTrustedCheckpoint(log.published.note, {
      ...policy,
      logs: [parseVerifierKey(key.verifierKey)],
    });
    expect([treeSize, verified.length]).toEqual([entries.length, 2]);
  }
  await using log = await openTestLog(folder, key, { endorse: () => Promise.reject(new Error('asked')), isEndorsed });
  expect(log.published.note).toContain('\u2014 w.test ');
  expect(log.publishRefusal).toBeUndefined();
  await rm(folder, { recursive: true });
});

test('once the policy is met, a witness that failed the time before is not waited for', async () => {
  const log = await createWitnessedLog();
  await using good = await startWitness(log, 'good.test');
  let asked = 0;
  await using hung = await startServer((_request, response) => {
    asked += 1;
    if (asked === 1) response.writeHead(500).end();
  });
  const stranger = await openTestWitness({ vkeys: [log.vkey], name: 'bad.test' });
  await stranger[Symbol.asyncDispose]();
  const graces: number[] = [];
  const transport = new WitnessTransport({ socksTimeoutMs: 1000, answerBytesMax: 10_000 });
  const policy = parsePolicy(
    policyOf(log, [good, { vkey: stranger.witness.keys[0]?.vkey ?? '', url: hung.url }], 'any'),
  );
  // A grace that never ends but with the witnesses that are waited for; a pause ends at once.
  const sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
    if (ms !== 77_777) return;
    graces.push(ms);
    await once(signal, 'abort');
  };
  await using endorser = new Endorser({ policy, transport, sleep, timeoutMs: 100_000, graceMs: 77_777 });
  expect(await endorse(endorser, log, 3)).toContain('\u2014 good.test ');
  expect(await endorse(endorser, log, 4)).toContain('\u2014 good.test ');
  expect(graces).toHaveLength(2);
});

test('a policy whose cosignatures would not fit beside a checkpoint is refused at the start', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-policy-'));
  const path = join(folder, 'policy');
  const witnesses = (type: 0x04 | 0x06, count: number) =>
    Array.from({ length: count }, (_, index) => {
      const key = new Uint8Array(type === 0x06 ? 1312 : 32).fill(index);
      return `witness w${index} ${encodeVerifierKey(`w${index}.test`, key, type)} http://w${index}.test\n`;
    }).join('');
  for (const [type, count, fits] of [
    [0x04, 90, true],
    [0x04, 91, false],
    [0x06, 17, true],
    [0x06, 18, false],
  ] as const) {
    await writeFile(path, `${witnesses(type, count)}quorum none\n`);
    const said = await readWitnessPolicy(path).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (fits) expect(said).toBeUndefined();
    else expect(said).toMatchObject({ code: 'LEDGER_WITNESS_POLICY_INVALID' });
  }
  await rm(folder, { recursive: true });
});
