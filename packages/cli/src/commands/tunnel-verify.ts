import type { ProbeView } from '@lucid/common/apis/tunnels-schemas';
import type { Run } from '../command.ts';
import { exitCodes } from '../errors.ts';
import { formatTable } from '../output.ts';
import { connectTunnels } from '../tunnel/tunnels.ts';

/** A visit may take a minute, and the answer comes after it, ms. */
const visitTimeoutMs = 330_000;

export const verify: { run: Run<object> } = {
  run: async (context, output, options, name = '') => {
    const client = await connectTunnels(context, options);
    const probe = await client.verifyTunnel({ params: { name } }, { timeoutMs: visitTimeoutMs });
    output.result(probe, formatProbe(probe));
    return probe.ok ? exitCodes.ok : exitCodes.unavailable;
  },
};

export const probes: { run: Run<{ readonly limit: number }> } = {
  run: async (context, output, options, name = '') => {
    const client = await connectTunnels(context, options);
    const limit = Math.min(options.limit, 200);
    const page = await client.listProbes({ params: { name }, query: { limit } });
    const rows = page.items.map((probe) => [
      probe.at,
      probe.ok ? 'arrived' : 'failed',
      `${probe.ms} ms`,
      whyNot(probe),
    ]);
    output.result(page, rows.length > 0 ? formatTable(['VISIT', 'RESULT', 'TIME', 'REASON'], rows) : 'No visits yet.');
  },
};

/** A visit for people, a line a step. */
function formatProbe(probe: ProbeView): string {
  const steps = probe.steps.map(({ ok, name, ms, code, reason }) => {
    const why = code === undefined ? '' : `  ${reason ?? ''} (${code})`;
    return `${ok ? '✓' : '✗'} ${name.padEnd(12)}${String(ms).padStart(6)} ms${why}\n`;
  });
  const end = probe.ok ? 'arrived' : 'did not arrive';
  return `${probe.onionAddress}\n${steps.join('')}A visitor ${end}, in ${probe.ms} ms.\n`;
}

function whyNot({ steps }: ProbeView): string {
  const failed = steps.find(({ ok }) => !ok);
  return failed === undefined ? '' : `${failed.name}: ${failed.reason ?? failed.code ?? ''}`;
}
