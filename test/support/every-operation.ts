import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Api, isInternal, type Operation } from '@lucid/common/apis/api';
import { type GatewayFamily, gatewayFamilies, gatewayPath } from '@lucid/common/apis/gateway';
import { type ServiceName, serviceNames } from '@lucid/platform/ports';

/** One operation of one service, and where a client finds it. */
export interface ServiceOperation {
  /** `ledger.appendEntry`. */
  readonly name: string;
  readonly service: ServiceName;
  readonly operationId: string;
  readonly operation: Operation;
  /** Where it would stand behind the gateway; for services without a family, where one could look for it. */
  readonly gatewayPath: string;
  readonly isForwarded: boolean;
}

const folder = new URL('../../packages/common/src/apis/', import.meta.url);

/**
 * Every API of the nine services: found in the folder, so that none can be forgotten. tunnel-tools, which needs a tor
 * beside it and stands behind no gateway, asks its own operations in its own tests.
 */
export async function readApis(): Promise<readonly Api[]> {
  const files = (await readdir(fileURLToPath(folder))).filter((name) => name.endsWith('.ts'));
  const modules = await Promise.all(
    files.map(async (name) => (await import(new URL(name, folder).href)) as Readonly<Record<string, unknown>>),
  );
  const apis = new Set(modules.flatMap((module) => Object.values(module)).filter(isApi));
  return [...apis].filter(({ service }) => serviceNames.some((name) => name === service));
}

function isApi(value: unknown): value is Api {
  return typeof value === 'object' && value !== null && 'service' in value && 'operations' in value;
}

export function operationsOf(apis: readonly Api[]): readonly ServiceOperation[] {
  return apis.flatMap(({ service, operations }) =>
    Object.entries(operations).map(([operationId, operation]) => {
      const family = familyOf(service);
      return {
        name: `${service}.${operationId}`,
        service: service as ServiceName,
        operationId,
        operation,
        gatewayPath: family ? gatewayPath(family, operation.path) : `/api/v1/${service}${operation.path}`,
        isForwarded: family !== undefined && !isInternal(operation),
      };
    }),
  );
}

function familyOf(service: string): GatewayFamily | undefined {
  const families = Object.entries(gatewayFamilies) as [GatewayFamily, string][];
  return families.find(([, name]) => name === service)?.[0];
}
