import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeAddCheckpoint } from '@lucid/common/formats/add-checkpoint';
import { parseHex, toHex, utf8 } from '@lucid/common/formats/bytes';
import { type Checkpoint, parseCheckpoint, signCheckpoint } from '@lucid/common/formats/checkpoint';
import {
  createMerkleTree,
  leafHash,
  proveConsistency,
  verifyConsistency,
  verifyInclusion,
} from '@lucid/common/formats/merkle';
import { openTrustedCheckpoint, parsePolicy } from '@lucid/common/formats/policy';
import { parseTlogProof } from '@lucid/common/formats/tlog-proof';
import { expect, test } from 'vitest';
import type { LedgerProcess } from '../../services/ledger/test/support/ledger-process.ts';
import { type Random, seededRandom } from '../support/random.ts';
import { WitnessedLedger } from '../support/witnessed-ledger.ts';

// Two ledgers that witness each other; now one, now the other is killed (SIGKILL) under callers, while somebody who has
// the logs' keys offers their witnesses other histories. What a witness cosigned must always be one history, and nothing
// that was acknowledged may be lost or stay without a cosigned receipt.

const killCount = 20;
const callerCount = 4;
const answersMax = 40;

/** A ledger, what it acknowledged, and what its witness was seen to have cosigned. */
class Party {
  readonly ledger: WitnessedLedger;
  readonly acknowledged = new Map<number, string>();
  readonly cosigned = new Map<number, Checkpoint>();
  child: LedgerProcess;
  #appendCount = 0;

  constructor(ledger: WitnessedLedger, child: LedgerProcess) {
    this.ledger = ledger;
    this.child = child;
  }

  /** Appends until the ledger is gone or `isOver`. */
  async appendUntil(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const text = `${this.ledger.name} ${(this.#appendCount += 1)}`;
      const body = { entry: Buffer.from(text).toString('base64') };
      try {
        this.acknowledged.set((await this.ledger.client.appendEntry({ body })).leafIndex, text);
      } catch (error) {
        if (isOver()) return;
        throw error;
      }
    }
  }

  /** Notes what the other's witness has cosigned of this log; it never goes back. */
  async look(other: Party): Promise<number> {
    const note = await other.ledger.cosigned(this.ledger);
    if (note === undefined) {
      expect(this.cosigned.size).toBe(0);
      return 0;
    }
    const opened = await openTrustedCheckpoint(note, parsePolicy(this.ledger.policyWith(other.ledger)));
    const seen = this.cosigned.get(opened.treeSize);
    if (seen) expect(toHex(opened.rootHash)).toBe(toHex(seen.rootHash));
    expect(opened.treeSize).toBeGreaterThanOrEqual(Math.max(0, ...this.cosigned.keys()));
    this.cosigned.set(opened.treeSize, opened);
    return opened.treeSize;
  }
}

/** Whoever has the log's key offers another history, from the start and from where the witness is. */
async function offerForks(log: Party, witness: Party, random: Random): Promise<void> {
  const known = await log.look(witness);
  if (known === 0) return;
  const size = known + 1 + random(5);
  const tree = createMerkleTree(Array.from({ length: size }, (_, index) => leafHash(utf8(`forged ${index}`))));
  const { origin, signer } = log.ledger.key;
  const checkpoint = await signCheckpoint({ origin, treeSize: size, rootHash: tree.rootHash }, [signer]);
  for (const oldSize of [0, known]) {
    const proof = oldSize === 0 ? [] : proveConsistency(oldSize, size, tree.readNode);
    const status = await witness.ledger.addCheckpoint(encodeAddCheckpoint({ oldSize, proof, checkpoint }));
    expect([409, 422]).toContain(status);
  }
}

/** Every entry that was acknowledged has a receipt that the policy accepts, and all that was cosigned is one history. */
async function settle(party: Party, other: Party): Promise<void> {
  const { client } = party.ledger;
  const policy = parsePolicy(party.ledger.policyWith(other.ledger));
  const last = Math.max(...party.acknowledged.keys());
  const untilPublished = async (): Promise<Checkpoint> => {
    const checkpoint = parseCheckpoint(await (await client.getCheckpoint()).text());
    return checkpoint.treeSize > last ? checkpoint : untilPublished();
  };
  const newest = await untilPublished();
  for (const [leafIndex, text] of party.acknowledged) {
    const receipt = parseTlogProof(await (await client.getReceipt({ params: { leafIndex } })).text());
    const { treeSize, rootHash } = await openTrustedCheckpoint(receipt.checkpoint, policy);
    verifyInclusion({ leafIndex, treeSize, leafHash: leafHash(utf8(text)), proof: receipt.proof, rootHash });
  }
  for (const { treeSize, rootHash } of party.cosigned.values()) {
    if (treeSize === 0 || treeSize > newest.treeSize) continue;
    const { proof } = await client.getConsistencyProof({ query: { oldSize: treeSize, newSize: newest.treeSize } });
    const sizes = { oldSize: treeSize, newSize: newest.treeSize };
    verifyConsistency({
      ...sizes,
      oldRoot: rootHash,
      newRoot: newest.rootHash,
      proof: proof.map((hash) => parseHex(hash)),
    });
  }
}

test(`two ledgers that witness each other, killed ${killCount} times, cosign one history of each`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-witnesses-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const ledgers = [
    await WitnessedLedger.create(join(folder, 'a'), 'a'),
    await WitnessedLedger.create(join(folder, 'b'), 'b'),
  ] as const;
  await ledgers[0].meet(ledgers[1]);
  await ledgers[1].meet(ledgers[0]);
  const parties = [
    new Party(ledgers[0], await ledgers[0].start()),
    new Party(ledgers[1], await ledgers[1].start()),
  ] as const;
  for (const party of parties) stack.defer(() => party.child[Symbol.asyncDispose]());
  const random = seededRandom(7);
  for (let round = 0; round < killCount; round += 1) {
    const [victim, other] = round % 2 === 0 ? parties : ([parties[1], parties[0]] as const);
    const count = () => victim.acknowledged.size;
    const before = count();
    const answers = random(answersMax);
    let isOver = false;
    const isEnough = (): boolean => {
      if (!isOver && count() - before > answers) {
        isOver = true;
        victim.child.kill('SIGKILL');
      }
      return isOver;
    };
    const calls = parties.flatMap((party) => Array.from({ length: callerCount }, () => party.appendUntil(isEnough)));
    await Promise.all(calls);
    await victim.child.exit;
    victim.child = await victim.ledger.start();
    await offerForks(other, victim, random);
    await offerForks(victim, other, random);
  }
  await settle(parties[0], parties[1]);
  await settle(parties[1], parties[0]);
  for (const { acknowledged, cosigned } of parties) {
    expect(acknowledged.size).toBeGreaterThan(killCount);
    expect(cosigned.size).toBeGreaterThan(killCount / 4);
  }
});
