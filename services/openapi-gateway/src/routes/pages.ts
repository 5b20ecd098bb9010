import type { GatewayStatus } from '@lucid/common/apis/gateway';
import { openapiGatewayApi, type ServiceDocuments } from '@lucid/common/apis/openapi';
import { etagOf } from '@lucid/common/http/conditional';
import { implement } from '@lucid/common/http/implement';
import type { FastifyInstance } from 'fastify';
import type { Assets, Content, Documents } from '../domain/content.ts';
import { escapeHtml, fill, renderHome } from '../domain/home.ts';
import { docsError } from '../errors.ts';
import type { Answer } from './answer.ts';

export interface PagesOptions {
  readonly version: string;
  readonly gatewayUrl: string;
  readonly assets: Assets;
  readonly documents: Documents;
  readonly gatewayStatus: () => Promise<GatewayStatus>;
  readonly answer: Answer;
}

const forever = 'public, max-age=31536000, immutable';
const revalidated = 'no-cache';

/** `/`, `/docs` and the files they load. */
export async function pageRoutes(app: FastifyInstance, options: PagesOptions): Promise<void> {
  const { assets, answer } = options;
  const homeTemplate = assets.template('home.html');
  const docs = page(
    fill(assets.template('docs.html'), {
      style: escapeHtml(assets.pathOf('site.css')),
      icon: escapeHtml(assets.pathOf('icon.svg')),
      swaggerStyle: escapeHtml(assets.pathOf('swagger-ui.css')),
      swaggerScript: escapeHtml(assets.pathOf('swagger-ui.js')),
      script: escapeHtml(assets.pathOf('docs.js')),
    }),
  );
  await implement(app, openapiGatewayApi, {
    getHome: async ({ request, reply }) => {
      const html = renderHome(homeTemplate, {
        version: options.version,
        gatewayUrl: options.gatewayUrl,
        stylePath: assets.pathOf('site.css'),
        iconPath: assets.pathOf('icon.svg'),
        ...(await readFacts(options)),
      });
      return await answer(request, reply, page(html), 'no-store');
    },
    getDocs: async ({ request, reply }) => await answer(request, reply, docs, revalidated),
    getAsset: async ({ params, request, reply }) => {
      const asset = assets.find(params.file);
      if (!asset) throw docsError('OPENAPI_ASSET_UNKNOWN', `There is no asset ${params.file}.`);
      return await answer(request, reply, asset, forever);
    },
  });
}

/** What the first page shows; what cannot be read now is left out, and the page says so. */
async function readFacts({ documents, gatewayStatus }: PagesOptions) {
  const [services, status] = await Promise.all([
    documents.read('/services').catch(() => undefined),
    gatewayStatus().catch(() => undefined),
  ]);
  return {
    services: services && (JSON.parse(new TextDecoder().decode(services.bytes)) as ServiceDocuments),
    isLastKnown: services?.isLastKnown ?? false,
    status,
  };
}

function page(html: string): Content {
  const bytes = new TextEncoder().encode(html);
  return { bytes, type: 'text/html; charset=utf-8', etag: etagOf(bytes) };
}
