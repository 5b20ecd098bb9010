import { expect, test } from 'vitest';
import { contractInterfaces } from '../src/interfaces.ts';

test('selectors and topics are those of the protocol', () => {
  const { LucidAnchors: anchors, LucidParams: params } = contractInterfaces;
  const selectors = {
    'registerSession(bytes32,bytes32,uint64,address,bytes32,uint32)': '0x87fc3557',
    'anchorChunk(bytes32,uint32,bytes32)': '0xec59d2bc',
    'isSessionRegistered(bytes32)': '0x72e4d229',
  };
  for (const [signature, selector] of Object.entries(selectors)) {
    expect(anchors.getFunction(signature)?.selector).toBe(selector);
  }
  expect(anchors.getEvent('SessionRegistered')?.topicHash).toBe(
    '0x9fe4893fbe3498724fa1c81c1eea4d9c884b71506e6e6bec31d0ce0a3caf99be',
  );
  expect(anchors.getEvent('ChunkAnchored')?.topicHash).toBe(
    '0xf38eb859731d5126d40c1364c0e3378bb1d02e490fd172f2aa28c243ee33fad7',
  );
  expect(params.getFunction('setParam(string,uint256)')?.selector).toBe('0x44d9da68');
  expect(params.getFunction('getParam(string)')?.selector).toBe('0x5d4f71d4');
  expect(params.getFunction('getBounds(string)')?.selector).toBe('0x2d678b55');
  expect(params.getEvent('ParamUpdated')?.topicHash.slice(0, 10)).toBe('0x5ded9746');
});

test('the registration keeps the argument names and the indexed fields of the protocol', () => {
  const registered = contractInterfaces.LucidAnchors.getEvent('SessionRegistered');
  expect(registered?.inputs.map((input) => `${input.name}${input.indexed ? '*' : ''}`)).toEqual([
    'sessionId*',
    'manifestHash*',
    'owner*',
    'merkleRoot',
    'chunkCount',
  ]);
});
