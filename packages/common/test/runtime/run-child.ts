// A small real service under `run`, driven from outside by its test.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { defineConfig } from '../../src/runtime/config.ts';
import { run } from '../../src/runtime/run.ts';
import { serviceVariables } from '../../src/runtime/service-config.ts';

await run({
  name: 'thing',
  env: process.env,
  schema: defineConfig({
    ...serviceVariables('THING', 0),
    opensAtSignal: { name: 'THING_OPENS_AT_SIGNAL', type: 'boolean', default: false, doc: 'Open when told to end' },
  }),
  open: async ({ opensAtSignal }, { logger }) => {
    if (opensAtSignal) {
      logger.info('opens');
      // What keeps a process alive while it opens.
      const work = setInterval(() => undefined, 1000);
      await once(process, 'SIGTERM');
      clearInterval(work);
    }
    const server = createServer((request, response) => {
      if (request.url === '/reject') void Promise.reject(new Error('nobody waits for this'));
      if (request.url === '/stuck') logger.info('stuck begins');
      else if (request.url === '/slow') {
        logger.info('slow begins');
        // Answered once the drain has begun, which is when readiness goes off.
        server.once('draining', () => response.end('slow'));
      } else response.end('hello');
    });
    return {
      app: {
        server,
        readiness: {
          drain: () => {
            logger.info('readiness off');
            server.emit('draining');
          },
        },
        listen: ({ host, port }) =>
          new Promise((resolve, reject) => {
            server.once('error', reject);
            server.listen(port, host, () => resolve(''));
          }),
        close: () =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
            server.closeIdleConnections();
          }),
      },
      [Symbol.asyncDispose]: async () => logger.info('disposed'),
    };
  },
});
