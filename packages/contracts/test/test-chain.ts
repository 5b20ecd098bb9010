import { Common, createCustomCommon, Hardfork, Mainnet } from '@ethereumjs/common';
import { createEVM, type EVM } from '@ethereumjs/evm';
import { createAddressFromString, hexToBytes, type PrefixedHexString } from '@ethereumjs/util';
import { HDNodeWallet, hexlify, Mnemonic, type HDNodeWallet as Wallet } from 'ethers';
import { contractAddresses, genesisDeployer } from '../src/addresses.ts';
import { genesisPlan } from '../src/genesis.ts';
import { type GenesisConfig, governanceDefaults } from '../src/genesis-config.ts';
import { type ContractName, contractInterfaces, findRevert } from '../src/interfaces.ts';

export const CHAIN_ID = 20_251;
const GENESIS_TIME = 1_800_000_000;

export interface ChainLog {
  readonly address: string;
  readonly topics: string[];
  readonly data: string;
}

/** Ten accounts with known keys. */
const wallets: readonly Wallet[] = Array.from({ length: 10 }, (_, i) =>
  HDNodeWallet.fromMnemonic(
    Mnemonic.fromPhrase('test test test test test test test test test test test junk'),
    `m/44'/60'/0'/0/${i}`,
  ),
);

export function wallet(index: number): Wallet {
  const found = wallets[index];
  if (found === undefined) throw new RangeError(`There is no wallet ${index}.`);
  return found;
}

/** Members a (30 seats), b (30), c (25) and d (15); wallet 8 anchors, wallet 9 guards. */
export const testConfig: GenesisConfig = {
  ...governanceDefaults,
  chainId: CHAIN_ID,
  timestamp: GENESIS_TIME,
  anchorers: [wallet(8).address],
  guardian: wallet(9).address,
  members: [30, 30, 25, 15].map((seats, i) => ({ address: wallet(i).address, seats })),
  votingDelaySec: 60,
  votingPeriodSec: 86_400,
  timelockDelaySec: 3_600,
  lateQuorumExtensionSec: 7_200,
};

/** Genesis run on the EVM, and calls with a clock that the test turns: one call is one block. */
export class TestChain {
  readonly #evm: EVM;
  #time = GENESIS_TIME;
  #blockNumber = 0;

  private constructor(evm: EVM) {
    this.#evm = evm;
  }

  static async open(config: GenesisConfig = testConfig): Promise<TestChain> {
    const common: Common = createCustomCommon({ chainId: config.chainId }, Mainnet, { hardfork: Hardfork.Osaka });
    const chain = new TestChain(await createEVM({ common }));
    for (const step of genesisPlan(config)) {
      if (step.kind === 'call') await chain.send(step.from, step.to, step.data);
      else await chain.#create(step.initCode, step.address);
    }
    return chain;
  }

  get time(): number {
    return this.#time;
  }

  get blockNumber(): number {
    return this.#blockNumber;
  }

  advance(seconds: number): void {
    this.#time += seconds;
  }

  /** Sends a call in a block of its own and returns its logs. Rejects with the revert's error name and arguments. */
  async send(from: string, to: string, data: string): Promise<ChainLog[]> {
    this.#blockNumber += 1;
    return (await this.#run(from, to, data)).logs;
  }

  /** Calls a function by name as `from` and returns its logs. */
  transact(from: string, contract: ContractName, method: string, args: readonly unknown[]): Promise<ChainLog[]> {
    const data = contractInterfaces[contract].encodeFunctionData(method, args);
    return this.send(from, contractAddresses[contract], data);
  }

  /** The function's answer, without effect on the state. */
  async read(contract: ContractName, method: string, args: readonly unknown[] = []): Promise<unknown[]> {
    const contractInterface = contractInterfaces[contract];
    await this.#evm.stateManager.checkpoint();
    const data = contractInterface.encodeFunctionData(method, args);
    const { output } = await this.#run(genesisDeployer, contractAddresses[contract], data);
    await this.#evm.stateManager.revert();
    return contractInterface.decodeFunctionResult(method, output).toArray();
  }

  async storageAt(address: string, slot: string): Promise<string> {
    const value = await this.#evm.stateManager.getStorage(createAddressFromString(address), toBytes(slot));
    return hexlify(value);
  }

  async codeSize(address: string): Promise<number> {
    return (await this.#evm.stateManager.getCode(createAddressFromString(address))).length;
  }

  async #create(initCode: string, expected: string): Promise<void> {
    const { createdAddress, execResult } = await this.#evm.runCall({
      caller: createAddressFromString(genesisDeployer),
      data: toBytes(initCode),
      gasLimit: 16_000_000n,
      block: this.#block(),
    });
    if (execResult.exceptionError)
      throw new Error(`${execResult.exceptionError.error}: ${hexlify(execResult.returnValue)}`);
    if (createdAddress?.toString() !== expected.toLowerCase())
      throw new Error(`Created at ${createdAddress?.toString() ?? 'no address'}.`);
  }

  async #run(from: string, to: string, data: string): Promise<{ logs: ChainLog[]; output: string }> {
    const { execResult } = await this.#evm.runCall({
      caller: createAddressFromString(from),
      to: createAddressFromString(to),
      data: toBytes(data),
      gasLimit: 16_000_000n,
      block: this.#block(),
    });
    const output = hexlify(execResult.returnValue);
    if (execResult.exceptionError) {
      const revert = findRevert(output);
      throw new Error(
        revert ? `${revert.name}(${revert.args.join(',')})` : `${execResult.exceptionError.error} ${output}`,
      );
    }
    const logs = (execResult.logs ?? []).map(([address, topics, bytes]) => ({
      address: hexlify(address),
      topics: topics.map((topic) => hexlify(topic)),
      data: hexlify(bytes),
    }));
    return { logs, output };
  }

  #block() {
    const header = {
      number: BigInt(this.#blockNumber),
      timestamp: BigInt(this.#time),
      coinbase: createAddressFromString(`0x${'00'.repeat(20)}`),
      difficulty: 0n,
      prevRandao: new Uint8Array(32),
      gasLimit: 60_000_000n,
      baseFeePerGas: 0n,
      getBlobGasPrice: () => 1n,
    };
    return { header };
  }
}

function toBytes(hex: string): Uint8Array {
  const prefixed: PrefixedHexString = `0x${hex.slice(2)}`;
  return hexToBytes(prefixed);
}
