import { ZeroAddress, ZeroHash } from 'ethers';
import { beforeAll, describe, expect, test } from 'vitest';
import { contractAddresses, genesisDeployer } from '../src/addresses.ts';
import { genesisPlan } from '../src/genesis.ts';
import { paramSpecs } from '../src/params.ts';
import { TestChain, testConfig, wallet } from './test-chain.ts';

const { TimelockController: timelock, LucidGovernor: governor } = contractAddresses;

describe('after genesis', () => {
  let chain: TestChain;
  beforeAll(async () => {
    chain = await TestChain.open();
  });

  test('the contracts stand at fixed addresses', async () => {
    expect(contractAddresses).toEqual({
      TimelockController: '0x244D9a55889e01803f1B9348E30b8705E3258D03',
      LucidSeats: '0x8786087231D6d492B6a1A967b9F68b95E3D2f273',
      LucidGovernor: '0xfAfb3428F4c2e74BA365b09BeC3E3e7682Afb399',
      LucidParams: '0xaC020634cf2d4E07F40bC3267dEc242672ebaADd',
      LucidAnchors: '0xaD97176F6F332aaEB1460bcC1274EB6F7c233af5',
    });
    for (const address of Object.values(contractAddresses)) expect(await chain.codeSize(address)).toBeGreaterThan(0);
  });

  test('addresses do not depend on the configuration', async () => {
    const other = {
      ...testConfig,
      anchorers: [],
      members: [{ address: wallet(5).address, seats: 1 }],
      votingDelaySec: 1,
    };
    const plan = genesisPlan(other);
    expect(plan.map((step) => step.kind === 'create' && step.address)).toEqual(
      genesisPlan(testConfig).map((step) => step.kind === 'create' && step.address),
    );
    await TestChain.open(other);
  });

  test('only the timelock administers itself and the anchors; only the governor acts through it', async () => {
    const roles = ['PROPOSER_ROLE', 'CANCELLER_ROLE', 'EXECUTOR_ROLE'];
    for (const name of roles) {
      const [role] = await chain.read('TimelockController', name);
      expect(await chain.read('TimelockController', 'hasRole', [role, governor])).toEqual([true]);
      for (const stranger of [genesisDeployer, ZeroAddress, wallet(0).address, timelock]) {
        expect(await chain.read('TimelockController', 'hasRole', [role, stranger])).toEqual([false]);
      }
    }
    for (const contract of ['TimelockController', 'LucidAnchors'] as const) {
      expect(await chain.read(contract, 'hasRole', [ZeroHash, timelock])).toEqual([true]);
      for (const stranger of [genesisDeployer, governor, wallet(0).address, wallet(8).address]) {
        expect(await chain.read(contract, 'hasRole', [ZeroHash, stranger])).toEqual([false]);
      }
    }
    expect(await chain.read('LucidSeats', 'timelock')).toEqual([timelock]);
    expect(await chain.read('LucidParams', 'timelock')).toEqual([timelock]);
    expect(await chain.read('LucidGovernor', 'timelock')).toEqual([timelock]);
  });

  test('token and governor agree on the clock', async () => {
    expect(await chain.read('LucidSeats', 'CLOCK_MODE')).toEqual(['mode=timestamp']);
    expect(await chain.read('LucidGovernor', 'CLOCK_MODE')).toEqual(['mode=timestamp']);
  });

  test('members hold their seats and vote for themselves', async () => {
    const [members] = await chain.read('LucidSeats', 'listMembers', [0, 200]);
    expect(members).toEqual(testConfig.members.map((member) => [member.address, BigInt(member.seats)]));
    expect(await chain.read('LucidSeats', 'getVotes', [wallet(2).address])).toEqual([25n]);
    expect(await chain.read('LucidSeats', 'memberCount')).toEqual([4n]);
  });

  test('parameters are listed with their bounds', async () => {
    const [params] = await chain.read('LucidParams', 'listParams');
    expect(params).toEqual(paramSpecs.map(({ key, value, min, max }) => [key, value, min, max]));
    expect(await chain.read('LucidParams', 'getBounds', ['maxChunkSize'])).toEqual([1_048_576n, 67_108_864n]);
  });

  test('a stranger is refused by name', async () => {
    const stranger = wallet(7).address;
    const cases = [
      ['LucidParams', 'setParam', ['maxChunkSize', 2_000_000], /^ParamsUnauthorized/],
      ['LucidSeats', 'grantSeats', [stranger, 5], /^SeatsUnauthorized/],
      ['LucidSeats', 'revokeSeats', [wallet(0).address, 5], /^SeatsUnauthorized/],
      ['LucidAnchors', 'grantRole', [ZeroHash, stranger], /^AccessControlUnauthorizedAccount/],
      ['LucidGovernor', 'setVotingDelay', [1], /^GovernorOnlyExecutor/],
      ['LucidGovernor', 'setProposalGuardian', [stranger], /^GovernorOnlyExecutor/],
      ['TimelockController', 'updateDelay', [0], /^TimelockUnauthorizedCaller/],
      ['TimelockController', 'schedule', [stranger, 0, '0x', ZeroHash, ZeroHash, 3600], /^AccessControlUnauthorized/],
    ] as const;
    for (const [contract, method, args, refusal] of cases) {
      for (const caller of [stranger, genesisDeployer, wallet(0).address]) {
        await expect(chain.transact(caller, contract, method, args), method).rejects.toThrow(refusal);
      }
    }
  });
});

test('parameters take their overrides', async () => {
  const chain = await TestChain.open({ ...testConfig, params: { anchorIntervalSec: 5 } });
  expect(await chain.read('LucidParams', 'getParam', ['anchorIntervalSec'])).toEqual([5n]);
  await expect(chain.read('LucidParams', 'getParam', ['nothing'])).rejects.toThrow('ParamsUnknownKey(nothing)');
});

test('a configuration nobody could govern with is refused with every field at fault', () => {
  const config = {
    ...testConfig,
    chainId: 0,
    members: [{ address: ZeroAddress, seats: 0 }],
    anchorers: [wallet(1).address, wallet(1).address.toLowerCase()],
    guardian: 'nobody',
    quorumNumerator: 80,
    superQuorumNumerator: 75,
    proposalThreshold: 1,
    params: { maxChunkSize: 1, unknownKey: 1 },
  };
  const pointers = [
    '/chainId',
    '/superQuorumNumerator',
    '/proposalThreshold',
    '/members/0',
    '/members/0/seats',
    '/anchorers',
    '/guardian',
    '/params/maxChunkSize',
    '/params/unknownKey',
  ];
  expect(() => genesisPlan(config)).toThrow(
    expect.objectContaining({
      code: 'GENESIS_CONFIG_INVALID',
      errors: pointers.map((pointer) => expect.objectContaining({ pointer })),
    }),
  );
});
