import { defaultGatewayUrl } from '@lucid/cli/config';
import type { ServiceName } from './ports.ts';

export interface SummaryFacts {
  readonly version: string;
  /** From the start of the process until all nine were ready. */
  readonly seconds: number;
  readonly dataDir: string;
  readonly urls: Readonly<Record<ServiceName, string>>;
  /** Names of key files made by this start. */
  readonly keysCreated: readonly string[];
  readonly setupCode: string | undefined;
}

const purposes: Readonly<Record<ServiceName, string>> = {
  'openapi-gateway': 'documentation: open this in a browser',
  'openapi-server': 'the merged OpenAPI document',
  gateway: 'the one door for clients: /api/v1/…',
  api: 'users, sign-in, tokens, API keys, policies',
  'blockchain-api': 'JSON-RPC at /rpc, explorer, anchors, parameters',
  governance: 'members, proposals, votes',
  ledger: 'entries, proofs, checkpoints, tiles',
  sessions: 'sessions, chunks, seals, proof bundles',
  vm: 'the EVM chain (blockchain-api only)',
};

/** What a person sees once the platform is ready. */
export function formatSummary(facts: SummaryFacts): string {
  const rows = Object.entries(facts.urls).map(
    ([name, url]) => `  ${name.padEnd(16)} ${url.padEnd(22)} ${purposes[name as ServiceName]}`,
  );
  return [
    '',
    `Lucid ${facts.version} is ready: nine services in ${facts.seconds.toFixed(1)} s`,
    '',
    ...rows,
    '',
    `  data             ${facts.dataDir}`,
    ...(facts.keysCreated.length > 0 ? [`  new keys         ${facts.keysCreated.join(', ')}`] : []),
    ...setupLines(facts),
    '',
  ].join('\n');
}

function setupLines({ setupCode, urls }: SummaryFacts): string[] {
  if (setupCode === undefined) return [];
  return [
    `  setup code       ${setupCode}`,
    '',
    'Nobody is registered yet. Make yourself the administrator, in another terminal:',
    // The command looks for the gateway where it usually is.
    `  npx -y pnpm lucid login --setup-code ${setupCode} --username me${urls.gateway === defaultGatewayUrl ? '' : ` --gateway ${urls.gateway}`}`,
  ];
}
