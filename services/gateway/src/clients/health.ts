import type { ReadinessReport } from '@lucid/common/http/health';
import type { UpstreamHealth } from '../domain/upstream.ts';

const timeoutMs = 900;

/** Asks a service's `/readyz`. Never throws. */
export async function askHealth(baseUrl: string): Promise<UpstreamHealth> {
  try {
    const response = await fetch(`${baseUrl.replace(/\/$/, '')}/readyz`, {
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'error',
    });
    const { checks } = (await response.json()) as ReadinessReport;
    const failing = Object.entries(checks)
      .filter(([, check]) => !check.ok)
      .map(([name]) => name);
    return { status: response.ok ? 'ready' : 'not ready', failing };
  } catch {
    return { status: 'unreachable', failing: [] };
  }
}
