import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// What one worker or child compiled serves the next: most of a process's start is compiling.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('.cache/compile', import.meta.url));

/** The folders whose files take longest, so that none of them is left to run alone at the end. */
const longest = ['/test/faults/', '/test/integration/'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = longest.findIndex((folder) => moduleId.includes(folder));
      return index === -1 ? longest.length : index;
    };
    const { sort: sortBySize } = BaseSequencer.prototype;
    const sorted = await sortBySize.call(this, files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}

/** One project per kind of test: what it may touch, and how long it may take. */
const project = (name: string, include: string[], testTimeout: number) => ({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'], externalConditions: ['source'] } },
  test: { name, include, testTimeout, hookTimeout: testTimeout, retry: 0, environment: 'node' as const },
});

export default defineConfig({
  test: {
    maxWorkers: 2,
    // A worker that ends processes of its own takes longer where the machine is busy.
    teardownTimeout: 60_000,
    sequence: { sequencer: LongestFirst },
    projects: [
      project(
        'unit',
        [
          'packages/*/test/**/*.test.ts',
          'services/*/test/**/*.test.ts',
          'docker/test/**/*.test.ts',
          'test/*.test.ts',
          'test/images/**/*.test.ts',
        ],
        30_000,
      ),
      project('integration', ['test/integration/**/*.test.ts'], 120_000),
      project('conformance', ['test/conformance/**/*.test.ts'], 120_000),
      project('faults', ['test/faults/**/*.test.ts'], 300_000),
    ],
  },
});
