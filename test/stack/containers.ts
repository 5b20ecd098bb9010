import type { Stack } from './stack.ts';

/** A running container of the stack. */
export interface Container {
  readonly id: string;
  /** The service's name in the Compose file. */
  readonly service: string;
  readonly pid: number;
  readonly startedAt: Date;
  readonly restarts: number;
  /** Its address on each network, by the network's name without the project's. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly inspected: Inspected;
}

/** The part of `docker inspect` that is read. */
interface Inspected {
  readonly Id: string;
  readonly RestartCount: number;
  readonly State: {
    readonly Pid: number;
    readonly Status: string;
    readonly StartedAt: string;
    readonly ExitCode: number;
    readonly Health?: { readonly Status: string; readonly Log: readonly HealthLog[] | null };
  };
  readonly Config: { readonly Env: readonly string[]; readonly Labels: Readonly<Record<string, string>> };
  readonly HostConfig: { readonly Privileged: boolean; readonly CapAdd: readonly string[] | null };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> };
}

interface HealthLog {
  readonly Start: string;
  readonly ExitCode: number;
}

/** Every container of the project that runs, or that ended too. */
export async function listContainers(stack: Stack, { withEnded = false } = {}): Promise<Container[]> {
  const filter = ['--filter', `label=com.docker.compose.project=${stack.project}`];
  const ids = (await stack.docker(['ps', '-q', '--no-trunc', ...(withEnded ? ['-a'] : []), ...filter])).split('\n');
  const known = ids.filter(Boolean);
  if (known.length === 0) return [];
  const inspected = JSON.parse(await stack.docker(['inspect', ...known])) as Inspected[];
  return inspected.map((container) => describe(container, stack.project)).toSorted(byService);
}

/** The one running container of a service. Throws where there is none. */
export async function findContainer(stack: Stack, service: string): Promise<Container> {
  const found = (await listContainers(stack)).find((container) => container.service === service);
  if (found === undefined) throw new Error(`no container of ${service} runs`);
  return found;
}

/** Milliseconds from the start of a container to its first good health check; undefined where there was none. */
export function startTimeOf({ inspected, startedAt }: Container): number | undefined {
  const good = inspected.State.Health?.Log?.find(({ ExitCode }) => ExitCode === 0);
  return good === undefined ? undefined : new Date(good.Start).getTime() - startedAt.getTime();
}

function describe(inspected: Inspected, project: string): Container {
  const networks = Object.entries(inspected.NetworkSettings.Networks);
  return {
    id: inspected.Id,
    service: inspected.Config.Labels['com.docker.compose.service'] ?? '',
    pid: inspected.State.Pid,
    startedAt: new Date(inspected.State.StartedAt),
    restarts: inspected.RestartCount,
    addresses: Object.fromEntries(
      networks.map(([name, { IPAddress }]) => [name.replace(`${project}_`, ''), IPAddress]),
    ),
    inspected,
  };
}

function byService(a: Container, b: Container): number {
  return a.service.localeCompare(b.service);
}
