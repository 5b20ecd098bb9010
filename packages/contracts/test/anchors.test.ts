import { anchorSlots, parseAnchorSlots } from '@lucid/common/formats/anchor-layout';
import { parseHex0x, toHex0x, utf8 } from '@lucid/common/formats/bytes';
import { createMerkleTree, leafHash, proveInclusion } from '@lucid/common/formats/merkle';
import { id } from 'ethers';
import { beforeEach, describe, expect, test } from 'vitest';
import { contractAddresses } from '../src/addresses.ts';
import {
  anchorSessionId,
  encodeAnchorCheckpoint,
  encodeRegisterSession,
  encodeRegisterSessionBySignature,
  findSessionRegistered,
  ownedSessionId,
  registerSessionTypedData,
  type SessionAnchor,
} from '../src/anchors.ts';
import { contractInterfaces } from '../src/interfaces.ts';
import { CHAIN_ID, TestChain, wallet } from './test-chain.ts';

const { LucidAnchors: address } = contractAddresses;
const UUID = '6f1c2f3e-0b7a-4c59-9d0e-1a2b3c4d5e6f';
const owner = wallet(4);
const stranger = wallet(7).address;
const anchorer = wallet(8).address;

const anchor: SessionAnchor = {
  sessionId: anchorSessionId(UUID),
  manifestHash: id('manifest'),
  startedAt: 1_799_999_999_123,
  owner: owner.address,
  merkleRoot: id('root'),
  chunkCount: 7,
};
const owned: SessionAnchor = { ...anchor, sessionId: ownedSessionId(UUID, owner.address) };

let chain: TestChain;
beforeEach(async () => {
  chain = await TestChain.open();
});

const register = (value: SessionAnchor, from = anchorer) => chain.send(from, address, encodeRegisterSession(value));

async function sign(value: SessionAnchor, chainId = CHAIN_ID, by = owner): Promise<string> {
  const { domain, types, message } = registerSessionTypedData(chainId, value);
  return by.signTypedData(domain, types, message);
}

const registerSigned = (value: SessionAnchor, signature: string, from = stranger) =>
  chain.send(from, address, encodeRegisterSessionBySignature(value, signature));

describe('registration by an anchorer', () => {
  test('is written, announced and found', async () => {
    const [log] = await register(anchor);
    const { startedAt: _, ...announced } = anchor;
    expect(log && findSessionRegistered(log)).toEqual(announced);
    expect(await chain.read('LucidAnchors', 'isSessionRegistered', [anchor.sessionId])).toEqual([true]);
    expect(await chain.read('LucidAnchors', 'isSessionRegistered', [owned.sessionId])).toEqual([false]);
  });

  test('is refused to everybody else, the owner included', async () => {
    for (const from of [stranger, owner.address, wallet(0).address]) {
      await expect(register(anchor, from)).rejects.toThrow('AccessControlUnauthorizedAccount');
    }
  });

  test.each([
    ['AnchorsInvalidSessionId', { sessionId: owned.sessionId }],
    ['AnchorsInvalidSessionId', { sessionId: `0x${'00'.repeat(32)}` }],
    ['AnchorsZeroManifestHash', { manifestHash: `0x${'00'.repeat(32)}` }],
    ['AnchorsZeroMerkleRoot', { merkleRoot: `0x${'00'.repeat(32)}` }],
    ['AnchorsZeroStartedAt', { startedAt: 0 }],
    ['AnchorsZeroOwner', { owner: `0x${'00'.repeat(20)}` }],
    ['AnchorsZeroChunkCount', { chunkCount: 0 }],
  ])('%s: %o', async (name, change) => {
    await expect(register({ ...anchor, ...change })).rejects.toThrow(name);
  });

  test('happens once, and the same root may serve another session', async () => {
    await register(anchor);
    await expect(register({ ...anchor, merkleRoot: id('other') })).rejects.toThrow('AnchorsSessionExists');
    await register({ ...anchor, sessionId: anchorSessionId('00000000-0000-4000-8000-000000000001') });
  });
});

describe("registration by the owner's signature", () => {
  test('is relayed by anybody', async () => {
    await registerSigned(owned, await sign(owned));
    expect(await chain.read('LucidAnchors', 'isSessionRegistered', [owned.sessionId])).toEqual([true]);
  });

  test("nobody can take the owner's id: not a front-runner, not an anchorer", async () => {
    const mallory = wallet(6);
    const stolen = { ...owned, owner: mallory.address };
    await expect(registerSigned(stolen, await sign(stolen, CHAIN_ID, mallory))).rejects.toThrow(
      'AnchorsInvalidSessionId',
    );
    await expect(register(owned)).rejects.toThrow('AnchorsInvalidSessionId');
    const sameRoot = { ...owned, owner: mallory.address, sessionId: ownedSessionId(UUID, mallory.address) };
    await registerSigned(sameRoot, await sign(sameRoot, CHAIN_ID, mallory));
    await registerSigned(owned, await sign(owned));
  });

  test('a signature covers every field, the chain and the contract, and is used once', async () => {
    const signature = await sign(owned);
    for (const change of [{ manifestHash: id('x') }, { merkleRoot: id('x') }, { startedAt: 1 }, { chunkCount: 8 }]) {
      await expect(registerSigned({ ...owned, ...change }, signature)).rejects.toThrow('AnchorsInvalidSignature');
    }
    await expect(registerSigned(owned, await sign(owned, 1))).rejects.toThrow('AnchorsInvalidSignature');
    await expect(registerSigned(owned, await sign(owned, CHAIN_ID, wallet(6)))).rejects.toThrow(
      'AnchorsInvalidSignature',
    );
    await registerSigned(owned, signature);
    await expect(registerSigned(owned, signature)).rejects.toThrow('AnchorsSessionExists');
  });
});

describe('chunks', () => {
  const anchorChunk = (from: string, index: number, hash = id('chunk')) =>
    chain.transact(from, 'LucidAnchors', 'anchorChunk', [anchor.sessionId, index, hash]);

  test('are anchored once each, below the count, by an anchorer or the owner', async () => {
    await expect(anchorChunk(anchorer, 0)).rejects.toThrow('AnchorsSessionUnknown');
    await register(anchor);
    const [log] = await anchorChunk(anchorer, 0);
    expect(log && contractInterfaces.LucidAnchors.parseLog(log)?.args.toArray()).toEqual([
      anchor.sessionId,
      0n,
      id('chunk'),
    ]);
    await anchorChunk(owner.address, 6);
    expect(await chain.read('LucidAnchors', 'getChunkHash', [anchor.sessionId, 6])).toEqual([id('chunk')]);
    await expect(anchorChunk(anchorer, 0, id('other'))).rejects.toThrow('AnchorsChunkExists');
    await expect(anchorChunk(anchorer, 7)).rejects.toThrow(/^AnchorsChunkIndexOutOfRange\(7,7\)/);
    await expect(anchorChunk(stranger, 1)).rejects.toThrow('AnchorsUnauthorizedChunk');
    await expect(anchorChunk(anchorer, 1, `0x${'00'.repeat(32)}`)).rejects.toThrow('AnchorsZeroChunkHash');
  });

  test('of an owner’s own session are anchored by that owner alone', async () => {
    await registerSigned(owned, await sign(owned));
    const publish = (from: string) =>
      chain.transact(from, 'LucidAnchors', 'anchorChunk', [owned.sessionId, 0, id('c')]);
    await expect(publish(anchorer)).rejects.toThrow('AnchorsUnauthorizedChunk');
    await publish(owner.address);
  });

  test('verify by RFC 6962 proofs of every tree size up to 17, and by nothing else', async () => {
    for (let size = 1; size <= 17; size += 1) {
      const leaves = Array.from({ length: size }, (_, i) => leafHash(utf8(`chunk ${size}/${i}`)));
      const tree = createMerkleTree(leaves);
      const sessionId = anchorSessionId(`00000000-0000-4000-8000-0000000000${String(size).padStart(2, '0')}`);
      await register({ ...anchor, sessionId, merkleRoot: toHex0x(tree.rootHash), chunkCount: size });
      const verify = (index: number, leaf: Uint8Array, proof: readonly Uint8Array[]) =>
        chain.read('LucidAnchors', 'verifyChunk', [sessionId, index, toHex0x(leaf), proof.map(toHex0x)]);
      for (const [index, leaf] of leaves.entries()) {
        const proof = proveInclusion(index, size, tree.readNode);
        expect(await verify(index, leaf, proof)).toEqual([true]);
        expect(await verify(index + 1, leaf, proof)).toEqual([false]);
        expect(await verify(index, leafHash(leaf), proof)).toEqual([false]);
        expect(await verify(index, leaf, [...proof, leaf])).toEqual([false]);
        if (size > 1) expect(await verify(index, leaf, proof.slice(1))).toEqual([false]);
      }
    }
  });
});

test("checkpoints only grow, per origin, and the ledger's earlier ones stay readable", async () => {
  const origin = id('lucid/main');
  const send = (treeSize: number, root = id(`root ${treeSize}`), from = anchorer) =>
    chain.send(from, address, encodeAnchorCheckpoint(origin, treeSize, root));
  await expect(send(0)).rejects.toThrow('AnchorsCheckpointNotNewer');
  await send(5);
  chain.advance(10);
  await send(9);
  for (const size of [9, 8, 5]) await expect(send(size, id('fork'))).rejects.toThrow('AnchorsCheckpointNotNewer');
  await expect(send(10, id('x'), stranger)).rejects.toThrow('AccessControlUnauthorizedAccount');
  expect(await chain.read('LucidAnchors', 'getLatestCheckpoint', [origin])).toEqual([
    [9n, BigInt(chain.time), id('root 9')],
  ]);
  expect(await chain.read('LucidAnchors', 'getCheckpoint', [origin, 0])).toEqual([
    [5n, BigInt(chain.time - 10), id('root 5')],
  ]);
  expect(await chain.read('LucidAnchors', 'getCheckpointCount', [origin])).toEqual([2n]);
  await expect(chain.read('LucidAnchors', 'getCheckpoint', [origin, 2])).rejects.toThrow('AnchorsCheckpointUnknown');
});

test('the raw slots hold the record where an offline verifier reads it', async () => {
  const read = async () => {
    const values = await Promise.all(anchorSlots(UUID).map((slot) => chain.storageAt(address, slot)));
    return values.map((value) => parseHex0x(`0x${value.slice(2).padStart(64, '0')}`, 32));
  };
  expect((await read()).every((value) => value.every((byte) => byte === 0))).toBe(true);
  chain.advance(1234);
  await register(anchor);
  expect(parseAnchorSlots(await read())).toEqual({
    manifestHash: anchor.manifestHash.slice(2),
    merkleRoot: anchor.merkleRoot.slice(2),
    owner: anchor.owner.toLowerCase(),
    startedAt: anchor.startedAt,
    chunkCount: anchor.chunkCount,
    anchoredAt: chain.time,
    anchoredBlock: chain.blockNumber,
  });
});
