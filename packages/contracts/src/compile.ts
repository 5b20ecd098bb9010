import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import solc from 'solc';

/** The contracts that have an artifact, and the source unit that declares each. */
const UNITS: Readonly<Record<string, string>> = {
  LucidAnchors: 'contracts/LucidAnchors.sol',
  LucidGovernor: 'contracts/LucidGovernor.sol',
  LucidParams: 'contracts/LucidParams.sol',
  LucidSeats: 'contracts/LucidSeats.sol',
  TimelockController: '@openzeppelin/contracts/governance/TimelockController.sol',
};

/** Everything besides the sources that decides the bytecode. Below cancun OpenZeppelin 5.7 does not compile (mcopy). */
const SETTINGS = {
  evmVersion: 'cancun',
  optimizer: { enabled: true, runs: 200 },
  metadata: { bytecodeHash: 'none' },
} as const;

const packageDirectory = new URL('../', import.meta.url);
const resolveFromPackage = createRequire(import.meta.url).resolve;

interface CompilerOutput {
  readonly errors?: readonly CompilerMessage[];
  readonly contracts: Readonly<Record<string, Readonly<Record<string, CompiledContract>>>>;
}

interface CompilerMessage {
  readonly severity: 'error' | 'warning' | 'info';
  readonly formattedMessage: string;
  readonly sourceLocation?: { readonly file: string };
}

interface CompiledContract {
  readonly abi: readonly unknown[];
  readonly metadata: string;
  readonly evm: {
    readonly bytecode: { readonly object: string };
    readonly deployedBytecode: { readonly object: string };
  };
}

/**
 * Compiles every contract and returns the committed files by name: `<Name>.json` (ABI, bytecode, compiler, settings,
 * sourceHash) and `<Name>.abi.json` (the ABI alone, for bundles that need no bytecode). Same sources, same bytes.
 * @throws Error with the compiler's messages, our own sources' warnings included.
 */
export function compileArtifacts(): Map<string, string> {
  const output = runCompiler();
  const files = new Map<string, string>();
  for (const [contractName, unit] of Object.entries(UNITS)) {
    const contract = output.contracts[unit]?.[contractName];
    if (contract === undefined) throw new Error(`The compiler returned no ${contractName}.`);
    const artifact = {
      contractName,
      abi: contract.abi,
      bytecode: `0x${contract.evm.bytecode.object}`,
      deployedBytecode: `0x${contract.evm.deployedBytecode.object}`,
      compiler: `solc ${solc.version()}`,
      settings: SETTINGS,
      sourceHash: sourceHash(contract.metadata),
    };
    files.set(`${contractName}.json`, encode(artifact));
    files.set(`${contractName}.abi.json`, encode(contract.abi));
  }
  return files;
}

/** Writes the artifacts into the package's `artifacts` folder. */
export function writeArtifacts(): void {
  const directory = new URL('artifacts/', packageDirectory);
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of compileArtifacts()) writeFileSync(new URL(name, directory), text);
}

function runCompiler(): CompilerOutput {
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(ownSources().map((unit) => [unit, { content: readUnit(unit) }])),
    settings: {
      ...SETTINGS,
      outputSelection: { '*': { '*': ['abi', 'metadata', 'evm.bytecode.object', 'evm.deployedBytecode.object'] } },
    },
  };
  const output: CompilerOutput = JSON.parse(solc.compile(JSON.stringify(input), { import: importUnit }));
  const faults = (output.errors ?? []).filter(isFault);
  if (faults.length > 0) throw new Error(faults.map((fault) => fault.formattedMessage).join('\n'));
  return output;
}

/** Any error, and a warning in our own sources; warnings in a pinned dependency are its authors' to mend. */
function isFault({ severity, sourceLocation }: CompilerMessage): boolean {
  return severity === 'error' || (sourceLocation?.file.startsWith('contracts/') ?? true);
}

function ownSources(): string[] {
  const own = readdirSync(new URL('contracts/', packageDirectory)).map((name) => `contracts/${name}`);
  return [...own, ...Object.values(UNITS).filter((unit) => unit.startsWith('@'))].toSorted();
}

function importUnit(unit: string): { contents: string } | { error: string } {
  try {
    return { contents: readUnit(unit) };
  } catch {
    return { error: `not found: ${unit}` };
  }
}

function readUnit(unit: string): string {
  const path = unit.startsWith('@') ? resolveFromPackage(unit) : fileURLToPath(new URL(unit, packageDirectory));
  return readFileSync(path, 'utf8');
}

/** SHA-256 over `unit NUL source NUL` of every source the contract is made of, imports included, sorted by unit. */
function sourceHash(metadata: string): string {
  const { sources }: { sources: Readonly<Record<string, unknown>> } = JSON.parse(metadata);
  const hash = createHash('sha256');
  for (const unit of Object.keys(sources).toSorted()) hash.update(`${unit}\0${readUnit(unit)}\0`);
  return hash.digest('hex');
}

function encode(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

if (import.meta.main) writeArtifacts();
