import { id, type Log } from 'ethers';
import { contractInterfaces } from './interfaces.ts';

/** A governed parameter. The unit is also the key's last word where the seed's name allowed it. */
export interface ParamSpec {
  readonly key: string;
  readonly unit: 'bytes' | 'ms' | 's' | 'days' | 'gas' | 'requests/min';
  readonly value: bigint;
  readonly min: bigint;
  readonly max: bigint;
  /** What the platform does with it. */
  readonly description: string;
}

/** The parameters of genesis. Bounds never change afterwards; values only by vote. */
export const paramSpecs: readonly ParamSpec[] = [
  {
    key: 'maxChunkSize',
    unit: 'bytes',
    value: 16_777_216n,
    min: 1_048_576n,
    max: 67_108_864n,
    description: 'Largest chunk of a session, as plain bytes before compression.',
  },
  {
    key: 'policyTimeoutMs',
    unit: 'ms',
    value: 30_000n,
    min: 1_000n,
    max: 300_000n,
    description: 'How long a request for approval is to wait before the policy answers no. Nothing reads it yet.',
  },
  {
    key: 'sessionIdleSealSec',
    unit: 's',
    value: 3_600n,
    min: 60n,
    max: 604_800n,
    description: 'A session without a new chunk for this long is to be sealed by the platform. Nothing reads it yet.',
  },
  {
    key: 'minRetentionDays',
    unit: 'days',
    value: 7n,
    min: 0n,
    max: 3_650n,
    description: 'Content of a sealed session is to be kept at least this long. Nothing reads it yet.',
  },
  {
    key: 'blockGasLimit',
    unit: 'gas',
    value: 30_000_000n,
    min: 20_000_000n,
    max: 500_000_000n,
    description: 'Gas a block is to use at most. Nothing reads it yet: the vm has a variable.',
  },
  {
    key: 'gatewayRequestsPerMinute',
    unit: 'requests/min',
    value: 3_000n,
    min: 60n,
    max: 1_000_000n,
    description: 'Requests one token, key or address may send through the gateway.',
  },
  {
    key: 'anchorIntervalSec',
    unit: 's',
    value: 60n,
    min: 1n,
    max: 86_400n,
    description: "Time between two anchors of the ledger's checkpoint. Nothing reads it yet.",
  },
];

const params = contractInterfaces.LucidParams;

/** A change of a parameter, read from a `ParamUpdated` event. */
export interface ParamUpdate {
  readonly key: string;
  readonly oldValue: bigint;
  readonly newValue: bigint;
}

/** Call data of `setParam(string,uint256)`; only the timelock may send it. */
export function encodeSetParam(key: string, value: bigint): string {
  return params.encodeFunctionData('setParam', [key, value]);
}

/**
 * Decodes a `ParamUpdated` log. The event carries only the key's hash, so the key is looked up among `keys`.
 * @returns undefined for other events and for keys not listed.
 */
export function findParamUpdate(
  log: Pick<Log, 'topics' | 'data'>,
  keys: readonly string[] = paramSpecs.map((spec) => spec.key),
): ParamUpdate | undefined {
  const event = params.parseLog(log);
  if (event?.name !== 'ParamUpdated') return undefined;
  const key = keys.find((candidate) => id(candidate) === log.topics[1]);
  return key === undefined ? undefined : { key, oldValue: event.args[1], newValue: event.args[2] };
}
