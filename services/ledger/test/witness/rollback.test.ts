import { cp, mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeAddCheckpoint } from '@lucid/common/formats/add-checkpoint';
import { SequenceFile } from '@lucid/ledger/witness/sequence-file';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTestWitness, type TestWitness } from '../support/test-witness.ts';
import { createWitnessedLog, createWitnessPem } from '../support/witnessed-log.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-rollback-'));
});
afterEach(() => rm(folder, { recursive: true }));

const add = ({ app }: TestWitness, payload: string) =>
  app.inject({ method: 'POST', url: '/witness/add-checkpoint', payload });

describe('a witness\u2019s state', () => {
  test('outlives the process, and an older copy of it does not start', async () => {
    const log = await createWitnessedLog();
    const options = { vkeys: [log.vkey], folder };
    const state = join(folder, 'data', 'witness_state');
    {
      await using witness = await openTestWitness(options);
      expect((await add(witness, await log.request(0, 4))).statusCode).toBe(200);
    }
    await cp(state, join(folder, 'older'), { recursive: true });
    {
      await using witness = await openTestWitness(options);
      expect((await add(witness, await log.request(4, 8))).statusCode).toBe(200);
      expect((await add(witness, await log.request(4, 9))).payload).toBe('8\n');
    }
    await rm(state, { recursive: true });
    await expect(openTestWitness(options)).rejects.toMatchObject({ code: 'LEDGER_WITNESS_STATE_BEHIND' });
    await rm(state, { recursive: true, force: true });
    await cp(join(folder, 'older'), state, { recursive: true });
    await expect(openTestWitness(options)).rejects.toMatchObject({ code: 'LEDGER_WITNESS_STATE_BEHIND' });
  });

  test('of another witness is not taken for its own, however far it has come', async () => {
    const log = await createWitnessedLog();
    const other = join(folder, 'other');
    await mkdir(other);
    for (const [place, sizes] of [
      [folder, [0, 4]],
      [other, [0, 1, 2, 3, 4]],
    ] as const) {
      await using witness = await openTestWitness({ vkeys: [log.vkey], folder: place });
      for (const [at, size] of sizes.entries()) {
        if (at > 0) expect((await add(witness, await log.request(sizes[at - 1] ?? 0, size))).statusCode).toBe(200);
      }
    }
    const state = join(folder, 'data', 'witness_state');
    await rm(state, { recursive: true });
    await cp(join(other, 'data', 'witness_state'), state, { recursive: true });
    const opening = openTestWitness({ vkeys: [log.vkey], folder });
    await expect(opening).rejects.toMatchObject({ code: 'LEDGER_WITNESS_STATE_BEHIND' });
  });

  test('whose mark is lost starts only on the operator\u2019s word', async () => {
    const log = await createWitnessedLog();
    const options = { vkeys: [log.vkey], folder };
    {
      await using witness = await openTestWitness(options);
      expect((await add(witness, await log.request(0, 4))).statusCode).toBe(200);
    }
    await rm(join(folder, 'published', 'witness.mark'));
    await expect(openTestWitness(options)).rejects.toMatchObject({ code: 'LEDGER_WITNESS_MARK_MISSING' });
    await using witness = await openTestWitness({ ...options, adoptStore: true });
    expect((await add(witness, await log.request(0, 5))).payload).toBe('4\n');
  });

  test('that was put back with its mark is found out by its own cosignature on more', async () => {
    const log = await createWitnessedLog();
    const pem = createWitnessPem();
    const options = { vkeys: [log.vkey], pem };
    await using newer = await openTestWitness(options);
    await using older = await openTestWitness(options);
    for (const witness of [newer, older]) expect((await add(witness, await log.request(0, 4))).statusCode).toBe(200);
    const cosignature = (await add(newer, await log.request(4, 8))).payload;
    const checkpoint = (await log.note(8)) + cosignature;
    const answer = await add(older, encodeAddCheckpoint({ oldSize: 4, proof: log.prove(4, 8), checkpoint }));
    expect([answer.statusCode, answer.json().code]).toEqual([503, 'LEDGER_WITNESS_BEHIND']);
    // The same line on another tree is not a cosignature: it says nothing of what was forgotten.
    const moved = (await log.note(9)) + cosignature;
    const next = encodeAddCheckpoint({ oldSize: 4, proof: log.prove(4, 9), checkpoint: moved });
    expect((await add(older, next)).statusCode).toBe(200);
  });
});

describe('the mark', () => {
  const path = () => join(folder, 'witness.mark');
  const storeId = '00112233445566778899aabbccddeeff';

  test('keeps the largest of what was raised, whatever the order', async () => {
    {
      await using file = await SequenceFile.open(path());
      expect(file.mark).toBeUndefined();
      await Promise.all([3, 1, 7, 2].map((sequence) => file.raise({ storeId, sequence })));
      expect(file.mark).toEqual({ storeId, sequence: 7 });
    }
    await using file = await SequenceFile.open(path());
    expect(file.mark).toEqual({ storeId, sequence: 7 });
  });

  test('survives a write that is torn, with the one before', async () => {
    {
      await using file = await SequenceFile.open(path());
      for (const sequence of [1, 2]) await file.raise({ storeId, sequence });
    }
    await truncate(path(), 4096 + 20);
    {
      await using file = await SequenceFile.open(path());
      expect(file.mark).toEqual({ storeId, sequence: 1 });
    }
    await writeFile(path(), Buffer.alloc(8192, 1));
    await using file = await SequenceFile.open(path());
    expect(file.mark).toBeUndefined();
  });
});
