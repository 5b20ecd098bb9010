import { contractAddresses } from '@lucid/contracts/addresses';
import { paramSpecs } from '@lucid/contracts/params';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeCall, toAction, toCall } from '../../src/domain/actions.ts';
import { encodeDescription, parseDescription } from '../../src/domain/description.ts';

const member = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';
const other = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const context = {
  params: paramSpecs,
  members: [
    { address: member, seats: 5n, votingPower: 5n, delegate: member },
    { address: other, seats: 2n, votingPower: 2n, delegate: other },
  ],
};

describe('an action and its call', () => {
  test.each([
    [{ type: 'setParam', key: 'maxChunkSize', value: '2000000' }, 'Set maxChunkSize to 2000000 bytes.'],
    [{ type: 'grantSeats', account: other, seats: 1 }, `Grant 1 seat to ${other}.`],
    [{ type: 'revokeSeats', account: member, seats: 5 }, `Take 5 seats from ${member}.`],
  ] as const)('%o comes back as it went', (action, text) => {
    expect(describeCall(toCall(action, context))).toMatchObject({ action, text });
  });

  test('a raw call of our contracts is named, another one shown as it is', () => {
    const grantRole = `0x2f2ff15d${'00'.repeat(32)}${'00'.repeat(12)}${member.slice(2).toLowerCase()}`;
    const known = toCall({ type: 'contractCall', target: contractAddresses.LucidAnchors, data: grantRole }, context);
    expect(describeCall(known).text).toBe(`Call LucidAnchors.grantRole(0x${'00'.repeat(32)}, ${member}).`);
    const unknown = toCall({ type: 'contractCall', target: other, data: '0x12345678', value: '7' }, context);
    expect(describeCall(unknown).text).toContain('a contract unknown here');
    expect(describeCall(unknown).text).toContain('7 wei');
  });

  test('what cannot execute is refused', () => {
    const refused = (action: Parameters<typeof toCall>[0]) => {
      try {
        toCall(action, context);
        return 'taken';
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect(refused({ type: 'setParam', key: 'maxChunkSize', value: '0' })).toBe('GOVERNANCE_PARAM_OUT_OF_BOUNDS');
    expect(refused({ type: 'setParam', key: 'none', value: '0' })).toBe('GOVERNANCE_PARAM_NOT_FOUND');
    expect(refused({ type: 'revokeSeats', account: other, seats: 3 })).toBe('GOVERNANCE_ACTION_INVALID');
    expect(refused({ type: 'revokeSeats', account: `0x${'9'.repeat(40)}`, seats: 1 })).toBe(
      'GOVERNANCE_ACTION_INVALID',
    );
  });

  test('any bytes on chain can be shown', () => {
    const targets = fc.constantFrom(...Object.values(contractAddresses), member);
    const selectors = fc.constantFrom('', '44d9da68', '2f2ff15d', 'a9059cbb');
    fc.assert(
      fc.property(targets, selectors, fc.uint8Array({ maxLength: 200 }), (target, selector, bytes) => {
        const data = `0x${selector}${Buffer.from(bytes).toString('hex')}`;
        const { text } = describeCall({ target, value: 0n, data });
        expect(text.endsWith('.')).toBe(true);
        expect(toAction({ target, value: 1n, data }).type).toBe('contractCall');
      }),
    );
  });
});

describe('the text of a proposal', () => {
  test('is bound to its proposer and read back', () => {
    const text = encodeDescription('A title', 'A body\nof two lines', member);
    expect(text.endsWith(`#proposer=${member.toLowerCase()}`)).toBe(true);
    expect(parseDescription(text)).toEqual({ title: 'A title', description: 'A body\nof two lines' });
    expect(parseDescription(encodeDescription('Only a title', '', member))).toEqual({
      title: 'Only a title',
      description: '',
    });
  });

  test('title and body come back whatever they are', () => {
    const titles = fc.string({ minLength: 1, unit: 'grapheme' }).filter((title) => !/[\r\n]/.test(title));
    fc.assert(
      fc.property(titles, fc.string({ unit: 'grapheme' }), (title, description) => {
        expect(parseDescription(encodeDescription(title, description, member))).toEqual({ title, description });
      }),
    );
  });
});
