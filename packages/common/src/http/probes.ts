import type { FastifyInstance } from 'fastify';

/** `/livez`, `/readyz`, `/metrics` and `/openapi.json`: the same on every service, public, never logged as work. */
export function probeRoutes(app: FastifyInstance): void {
  const access = 'public' as const;
  const hidden = { hide: true };
  app.get('/livez', { config: { access, operationId: 'livez' }, schema: hidden }, () => ({ status: 'live' }));
  app.get('/readyz', { config: { access, operationId: 'readyz' }, schema: hidden }, async (_request, reply) => {
    const report = await app.readiness.report();
    return reply
      .code(report.status === 'ready' ? 200 : 503)
      .header('cache-control', 'no-store')
      .send(report);
  });
  app.get('/metrics', { config: { access, operationId: 'metrics' }, schema: hidden }, async (_request, reply) => {
    const text = await app.metrics.registry.metrics();
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(text);
  });
  app.get('/openapi.json', { config: { access, operationId: 'openapi' }, schema: hidden }, () => app.swagger());
}
