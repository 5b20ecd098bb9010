import { type Api, isInternal, type Method, type Operation } from '@lucid/common/apis/api';
import { type GatewayFamily, gatewayPath } from '@lucid/common/apis/gateway';

/** The API a family's service declares. */
export interface FamilyApi {
  readonly family: GatewayFamily;
  readonly api: Api;
}

/** One operation behind the gateway. */
export interface Route {
  readonly family: GatewayFamily;
  /** `ledger.appendEntry`: unique over all families. */
  readonly operationId: string;
  readonly operation: Operation;
  readonly method: Method;
  /** OpenAPI style, below `/api/v1/<family>`. */
  readonly path: string;
}

/**
 * The forwarded routes, and the blocked ones: paths the service has but a client may not reach, such as operations
 * between services and the probes. The blocked are routes too, so that no parameter of a forwarded one can match them.
 */
export interface RouteTable {
  readonly forwarded: readonly Route[];
  readonly blocked: readonly Pick<Route, 'family' | 'method' | 'path'>[];
}

/** What a blocked route calls itself, in place of an operation's id. */
export const blockedRoute = 'blocked';

const probePaths = ['/livez', '/readyz', '/metrics', '/openapi.json'];

/** Compiles the table from the operation tables: what is declared and not internal is forwarded, nothing else. */
export function compileRoutes(families: readonly FamilyApi[]): RouteTable {
  const routes = families.flatMap(({ family, api }) =>
    Object.entries(api.operations).map(([operationId, operation]) => ({
      family,
      operationId: `${family}.${operationId}`,
      operation,
      method: operation.method,
      path: gatewayPath(family, operation.path),
    })),
  );
  const probes = families.flatMap(({ family }) =>
    probePaths.map((path) => ({ family, method: 'GET' as const, path: gatewayPath(family, path) })),
  );
  return {
    forwarded: routes.filter(({ operation }) => !isInternal(operation)),
    blocked: [...routes.filter(({ operation }) => isInternal(operation)), ...probes],
  };
}

/** Methods a client may use on a path: what `Allow` lists. Empty when the path is unknown. */
export function allowedMethods(routes: readonly Pick<Route, 'method' | 'path'>[], path: string): string[] {
  const segments = path.split('/');
  const methods = new Set<string>(
    routes.filter((route) => matches(route.path.split('/'), segments)).map((route) => route.method),
  );
  if (methods.has('GET')) methods.add('HEAD');
  return [...methods].toSorted();
}

function matches(template: readonly string[], segments: readonly string[]): boolean {
  const last = template.at(-1) ?? '';
  if (last.startsWith('{+')) {
    const head = template.slice(0, -1);
    return segments.length >= template.length && matches(head, segments.slice(0, head.length));
  }
  if (template.length !== segments.length) return false;
  return template.every((part, index) => (part.startsWith('{') ? segments[index] !== '' : part === segments[index]));
}
