import { startServer } from './measure.ts';
import { startLedger } from './ledger/ledger-server.ts';
import { runClosedLoop } from './ledger/load.ts';
import { singleRequest } from './ledger/request.ts';
const prof = process.argv[2];
const jsonSingle = (token: string) => ({ ...singleRequest(token) });
await using on = await startLedger({ ...(prof ? { profileFolder: prof } : {}) });
await using off = await startLedger({ env: { LEDGER_FAST_LANE: 'false' } });
await using noop = await startServer<{ url: string }>('peers/fastify-noop.ts');
const seconds = 3;
for (let i = 0; i < 3; i++) {
  for (const [name, s] of [['on', on], ['off', off], ['noop', { url: noop.facts.url, pid: noop.pid, token: on.token }]] as const) {
    const r = await runClosedLoop({ url: `${s.url}/entries`, pid: s.pid, request: singleRequest(await s.token()), callers: 64, seconds });
    if (i > 0) console.log(name, (r.operations / r.cpuSeconds).toFixed(0), 'per cpu-s', (r.operations / r.seconds).toFixed(0), 'per s', r.p50Ms, r.p99Ms);
  }
}
