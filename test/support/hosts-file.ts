import type { LookupAddress } from 'node:dns';
import dns from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

// Loaded before a service (`--import`): what a container's resolver does when another container moves, without root.
// The file that TEST_HOSTS_FILE names is read at every look-up, as /etc/hosts is; other names are the system's.

const path = process.env['TEST_HOSTS_FILE'] ?? '';
const systemLookup = dns.lookup;

async function lookup(host: string, options: object): Promise<LookupAddress | LookupAddress[]> {
  const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n');
  const address = lines.map((line) => line.split(' ')).find(([, name]) => name === host)?.[0];
  if (address === undefined) return await systemLookup(host, options);
  const found = { address, family: 4 };
  return 'all' in options ? [found] : found;
}

Object.assign(dns, { lookup });
syncBuiltinESMExports();
