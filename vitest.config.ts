import { defineConfig } from 'vitest/config'

const exclude = ['**/node_modules/**', '**/dist/**']

/** Tests of the whole that measure how long something takes, beside each other: they take turns where they do (test/e2e/turn.ts). */
const measuring = ['test/e2e/whole-path.e2e.test.ts', 'test/e2e/demo.e2e.test.ts']
/** What measures from its beginning to its end. */
const alone = ['status/page-large.e2e.test.ts', 'test/chaos/standby.e2e.test.ts']

// The page refreshes what it shows at a bounded pace, and CI's cores are busy: what is awaited comes, or it hangs.
const poll = { timeout: 10_000 }

export default defineConfig({
  test: {
    pool: 'forks',
    projects: [
      {
        test: {
          name: 'unit',
          pool: 'forks',
          include: ['**/*.test.ts'],
          exclude: [...exclude, '**/*.property.test.ts', '**/*.integration.test.ts', '**/*.e2e.test.ts'],
          // CI runs these beside tests with servers: a limit is for what hangs, not for what waits for a core.
          testTimeout: 30_000
        }
      },
      {
        test: {
          name: 'property',
          pool: 'forks',
          include: ['**/*.property.test.ts'],
          exclude,
          testTimeout: 60_000
        }
      },
      // Each file starts servers on ports of its own, and waits for them more than it computes: three stand side by side.
      {
        test: {
          name: 'integration',
          pool: 'forks',
          include: ['**/*.integration.test.ts'],
          exclude,
          testTimeout: 120_000,
          hookTimeout: 180_000,
          maxWorkers: 3,
          sequence: { groupOrder: 1 }
        }
      },
      {
        test: {
          name: 'e2e',
          pool: 'forks',
          include: ['**/*.e2e.test.ts'],
          exclude: [...exclude, ...measuring, ...alone],
          expect: { poll },
          testTimeout: 600_000,
          hookTimeout: 300_000,
          maxWorkers: 3,
          sequence: { groupOrder: 1 }
        }
      },
      {
        test: {
          name: 'measuring',
          pool: 'forks',
          include: measuring,
          exclude,
          expect: { poll },
          testTimeout: 600_000,
          hookTimeout: 300_000,
          maxWorkers: 2,
          sequence: { groupOrder: 2 }
        }
      },
      {
        test: {
          name: 'alone',
          pool: 'forks',
          include: alone,
          exclude,
          expect: { poll },
          testTimeout: 600_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          sequence: { groupOrder: 3 }
        }
      }
    ],
    coverage: {
      provider: 'v8',
      include: [
        '*.ts',
        'daemon/**',
        'ingest/**',
        'rules/**',
        'workers/**',
        'schemas/**',
        'status/**',
        'topology/**',
        'embedded/**'
      ],
      exclude: ['**/*.test.ts', 'status/page/**']
    }
  }
})
