import { Contract, ContractFactory, type ContractRunner, Interface } from 'ethers';

/**
 * A contract for tests, compiled by solc 0.8.37 (optimizer 200 runs, no metadata):
 *
 * ```solidity
 * contract Probe {
 *     uint256 public value;
 *     mapping(uint256 => uint256) public table;
 *     event Set(address indexed by, uint256 indexed value, string note);
 *     error Refused(uint256 code);
 *     constructor(uint256 initial) payable { value = initial; }
 *     function set(uint256 next, string calldata note) external { value = next; emit Set(msg.sender, next, note); }
 *     function fill(uint256 from, uint256 count) external { for (uint256 i = from; i < from + count; i++) table[i] = i + 1; }
 *     function clear(uint256 from, uint256 count) external { for (uint256 i = from; i < from + count; i++) delete table[i]; }
 *     function failText() external pure { revert("no"); }
 *     function failError() external pure { revert Refused(7); }
 *     function failPanic() external view returns (uint256) { return 1 / (value - value); }
 *     function spin() external pure { while (true) {} }
 *     function whenIs() external view returns (uint256 number, uint256 time, bytes32 parent) { return (block.number, block.timestamp, blockhash(block.number - 1)); }
 *     function who() external view returns (address, address) { return (msg.sender, tx.origin); }
 *     receive() external payable {}
 * }
 * ```
 */
export const probeAbi = [
  'constructor(uint256 initial) payable',
  'function value() view returns (uint256)',
  'function table(uint256) view returns (uint256)',
  'function set(uint256 next, string note)',
  'function fill(uint256 from, uint256 count)',
  'function clear(uint256 from, uint256 count)',
  'function failText() pure',
  'function failError() pure',
  'function failPanic() view returns (uint256)',
  'function spin() pure',
  'function whenIs() view returns (uint256 number, uint256 time, bytes32 parent)',
  'function who() view returns (address, address)',
  'event Set(address indexed by, uint256 indexed value, string note)',
  'error Refused(uint256 code)',
] as const;

export const probeCode = `0x${[
  '60806040526040516104b83803806104b88339810160408190526020916026565b5f55603c565b5f602082840312156035575f5ffd5b',
  '5051919050565b61046f806100495f395ff3fe60806040526004361061009d575f3560e01c8063c66c902811610062578063c66c9028',
  '14610159578063cf043f7c1461016d578063d6d21dfd14610181578063f0acd7d5146101a0578063fb5331a5146101b4578063fd455c',
  'f8146101c8575f5ffd5b80633c29fc43146100a85780633fa4f245146100c957806341ee903e146100f0578063643719771461010f57',
  '8063bafff8c01461012e575f5ffd5b366100a457005b5f5ffd5b3480156100b3575f5ffd5b506100c76100c2366004610334565b6101',
  'f7565b005b3480156100d4575f5ffd5b506100dd5f5481565b6040519081526020015b60405180910390f35b3480156100fb575f5ffd',
  '5b506100c761010a366004610334565b610234565b34801561011a575f5ffd5b506100c7610129366004610354565b610260565b3480',
  '15610139575f5ffd5b506100dd6101483660046103cb565b60016020525f908152604090205481565b348015610164575f5ffd5b5061',
  '00dd6102a7565b348015610178575f5ffd5b506100c76102c4565b34801561018c575f5ffd5b50604080513381523260208201520161',
  '00e7565b3480156101ab575f5ffd5b506100c76102f6565b3480156101bf575f5ffd5b506100c76102fc565b3480156101d3575f5ffd',
  '5b506101dc610318565b604080519384526020840192909252908201526060016100e7565b815b61020382846103f6565b8110156102',
  '2f576102158160016103f6565b5f82815260016020819052604090912091909155016101f9565b505050565b815b61024082846103f6',
  '565b81101561022f575f81815260016020819052604082209190915501610236565b5f839055604051839033907f7984fd1210dd02c9',
  'a376e602780615f0dab2b0b336978222974b6777e51497609061029a908690869061040f565b60405180910390a3505050565b5f8054',
  '6102b4908061043d565b6102bf906001610450565b905090565b60405162461bcd60e51b81526020600482015260026024820152616e',
  '6f60f01b60448201526064015b60405180910390fd5b5b6102f7565b60405163590a515160e01b8152600760048201526024016102ed',
  '565b5f8080434261032860018361043d565b40925092509250909192565b5f5f60408385031215610345575f5ffd5b50508035926020',
  '909101359150565b5f5f5f60408486031215610366575f5ffd5b83359250602084013567ffffffffffffffff811115610383575f5ffd',
  '5b8401601f81018613610393575f5ffd5b803567ffffffffffffffff8111156103a9575f5ffd5b8660208284010111156103ba575f5f',
  'fd5b939660209190910195509293505050565b5f602082840312156103db575f5ffd5b5035919050565b634e487b7160e01b5f526011',
  '60045260245ffd5b80820180821115610409576104096103e2565b92915050565b60208152816020820152818360408301375f818301',
  '604090810191909152601f909201601f19160101919050565b81810381811115610409576104096103e2565b5f8261046a57634e487b',
  '7160e01b5f52601260045260245ffd5b50049056',
].join('')}`;

/** Deploys a probe and waits for its block. */
export async function deployProbe(runner: ContractRunner, initial = 1n): Promise<Contract> {
  const deployed = await new ContractFactory(probeAbi, probeCode, runner).deploy(initial);
  await deployed.waitForDeployment();
  return new Contract(await deployed.getAddress(), probeAbi, runner);
}

/** The probe's calls, encoded. */
export const probe = new Interface(probeAbi);
