import { join } from 'node:path';

/** A relay of the private network, or an authority, which is a relay that also votes. */
export interface RelayNode {
  readonly name: string;
  /** `DataDirectory`, 0700. */
  readonly folder: string;
  readonly address: string;
  readonly orPort: number;
  readonly dirPort: number;
  readonly isAuthority: boolean;
}

/** A tor that only uses the network. */
export interface ClientNode {
  readonly name: string;
  /** `DataDirectory`, 0700. */
  readonly folder: string;
  readonly socksPort: number;
  readonly metricsPort: number;
}

type Lines = readonly string[];

/**
 * What any tor needs to join: the authorities it believes, leave to use so small a network, and how long a circuit may
 * take. A tor that learns that time learns 50 ms here, and gives up nearly every circuit once the machine is busy; one
 * that has not learned it yet waits three minutes for a service that was killed.
 */
export function joiningLines(authorities: Lines): Lines {
  const patience = ['LearnCircuitBuildTimeout 0', 'CircuitBuildTimeout 5'];
  return ['TestingTorNetwork 1', 'PathsNeededToBuildCircuits 0.67', ...patience, ...authorities];
}

/** The torrc of an authority or a relay. Nothing leaves the network: there is no exit. */
export function relayTorrc(node: RelayNode, authorities: Lines): string {
  return lines(
    common(node, authorities),
    [
      'SocksPort 0',
      `ORPort ${node.address}:${node.orPort}`,
      `Address ${node.address}`,
      `DirPort ${node.address}:${node.dirPort}`,
      'ExitRelay 0',
      'ServerDNSDetectHijacking 0',
      'ServerDNSResolvConfFile /dev/null',
      'ServerDNSTestAddresses',
      'NumCPUs 1',
      'AssumeReachable 1',
    ],
    node.isAuthority ? authorityLines(node) : [],
  );
}

/** The torrc of a client, with its control socket and cookie in its folder. */
export function clientTorrc(node: ClientNode, authorities: Lines): string {
  return lines(common(node, authorities), [
    `SocksPort 127.0.0.1:${node.socksPort} IsolateSOCKSAuth ExtendedErrors`,
    `SocksPort unix:${socksSocketOf(node)} IsolateSOCKSAuth ExtendedErrors`,
    `ControlSocket ${controlSocketOf(node)}`,
    'CookieAuthentication 1',
    `CookieAuthFile ${cookieFileOf(node)}`,
    `MetricsPort 127.0.0.1:${node.metricsPort}`,
    'MetricsPortPolicy accept 127.0.0.1',
  ]);
}

export function controlSocketOf({ folder }: ClientNode): string {
  return join(folder, 'control');
}

export function socksSocketOf({ folder }: ClientNode): string {
  return join(folder, 'socks');
}

export function cookieFileOf({ folder }: ClientNode): string {
  return join(folder, 'cookie');
}

function common(node: RelayNode | ClientNode, authorities: Lines): Lines {
  return [
    ...joiningLines(authorities),
    `DataDirectory ${node.folder}`,
    `Nickname ${node.name}`,
    'Log notice stdout',
    'SafeLogging 0',
    'ShutdownWaitLength 0',
    // A test that dies takes its network with it.
    `__OwningControllerProcess ${process.pid}`,
    'TestingDirAuthVoteExit *',
    'TestingDirAuthVoteHSDir *',
    'TestingDirAuthVoteGuard *',
    'TestingMinExitFlagThreshold 0',
    'V3AuthNIntervalsValid 2',
  ];
}

/** A first vote 10 s after the start finds every relay's descriptor; votes every 20 s keep the network in agreement. */
function authorityLines({ name }: RelayNode): Lines {
  return [
    'AuthoritativeDirectory 1',
    'V3AuthoritativeDirectory 1',
    `ContactInfo ${name}@test.invalid`,
    'AuthDirMaxServersPerAddr 0',
    'TestingV3AuthInitialVotingInterval 10',
    'TestingV3AuthInitialVoteDelay 2',
    'TestingV3AuthInitialDistDelay 2',
    'V3AuthVotingInterval 20',
    'V3AuthVoteDelay 2',
    'V3AuthDistDelay 2',
  ];
}

function lines(...parts: readonly Lines[]): string {
  return `${parts.flat().join('\n')}\n`;
}
