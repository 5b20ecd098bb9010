import { defineConfig } from 'vitest/config';

/** One project per kind of test: what it may touch, and how long it may take. */
const project = (name: string, include: string[], testTimeout: number) => ({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'], externalConditions: ['source'] } },
  test: { name, include, testTimeout, hookTimeout: testTimeout, retry: 0, environment: 'node' as const },
});

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      project('unit', ['packages/*/test/**/*.test.ts', 'services/*/test/**/*.test.ts', 'test/*.test.ts'], 30_000),
      project('integration', ['test/integration/**/*.test.ts'], 120_000),
      project('conformance', ['test/conformance/**/*.test.ts'], 120_000),
      project('faults', ['test/faults/**/*.test.ts'], 300_000),
    ],
  },
});
