import { AppError } from '@lucid/common/errors';

const pollMs = 25;

/** Resolves when every address answers `/readyz` with 200; `PLATFORM_NOT_READY` names those that do not in time. */
export async function waitUntilReady(urls: Readonly<Record<string, string>>, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  const reasons = new Map<string, string>();
  await Promise.all(
    Object.entries(urls).map(async ([name, url]) => {
      for (;;) {
        const reason = await reasonNotReady(url);
        if (reason === undefined) return void reasons.delete(name);
        reasons.set(name, reason);
        if (performance.now() > deadline) return;
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
    }),
  );
  if (reasons.size === 0) return;
  const list = [...reasons].map(([name, reason]) => `${name} (${reason})`).join(', ');
  throw new AppError('PLATFORM_NOT_READY', `Not ready after ${timeoutMs / 1000} s: ${list}.`);
}

/** Why the service is not ready; undefined when it is. */
async function reasonNotReady(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) });
    if (response.ok) {
      await response.body?.cancel();
      return undefined;
    }
    const { checks = {} } = (await response.json()) as { checks?: Record<string, { ok: boolean; detail?: string }> };
    const failed = Object.entries(checks).filter(([, check]) => !check.ok);
    return failed.map(([name, { detail }]) => `${name}: ${detail ?? 'failed'}`).join('; ');
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
