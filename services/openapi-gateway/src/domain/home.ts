import type { GatewayStatus } from '@lucid/common/apis/gateway';
import type { ServiceDocuments } from '@lucid/common/apis/openapi';

export interface HomeModel {
  readonly version: string;
  readonly gatewayUrl: string;
  /** Undefined when nothing is known. */
  readonly services: ServiceDocuments | undefined;
  /** Whether openapi-server did not answer just now. */
  readonly isLastKnown: boolean;
  /** Undefined when the gateway does not answer. */
  readonly status: GatewayStatus | undefined;
  readonly stylePath: string;
  readonly iconPath: string;
}

/** The first page: works without a script. Everything shown is escaped. */
export function renderHome(template: string, model: HomeModel): string {
  return fill(template, {
    style: escapeHtml(model.stylePath),
    icon: escapeHtml(model.iconPath),
    version: escapeHtml(model.version),
    gateway: escapeHtml(model.gatewayUrl),
    status: renderStatus(model.status),
    notice: renderNotice(model),
    services: renderServices(model),
  });
}

/** Replaces `{{name}}`. The values are HTML already. */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_match, name: string) => values[name] ?? '');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');
}

function renderStatus(status: GatewayStatus | undefined): string {
  if (!status) return badge('bad', 'the gateway does not answer');
  return status.status === 'ready' ? badge('good', 'all services ready') : badge('warn', 'degraded');
}

function renderNotice({ services, isLastKnown }: HomeModel): string {
  if (!services) return notice('openapi-server does not answer, and no document has been read yet.');
  if (isLastKnown) return notice('openapi-server does not answer: this is the last it said.');
  return services.isComplete ? '' : notice('Not every service has answered its document yet.');
}

function renderServices({ services, status }: HomeModel): string {
  const byService = new Map(status?.upstreams.map((upstream) => [upstream.service, upstream]));
  const rows = (services?.items ?? []).map((item) => {
    const name = escapeHtml(item.service);
    const upstream = byService.get(item.service);
    const path = upstream ? `<code>/api/v1/${escapeHtml(upstream.family)}</code>` : '';
    const document =
      item.state === 'missing' ? '' : `<a href="/services/${encodeURIComponent(item.service)}/document.json">JSON</a>`;
    return `<tr><th scope="row">${name}</th><td>${escapeHtml(item.title ?? '')}</td><td>${path}</td>
      <td>${escapeHtml(item.version ?? '')}</td><td>${item.operationCount}</td>
      <td>${badge(item.state === 'current' ? 'good' : 'warn', item.state)} ${document}</td>
      <td>${upstream ? badge(upstream.status === 'ready' ? 'good' : 'bad', upstream.status) : ''}</td></tr>`;
  });
  return rows.join('\n');
}

function badge(kind: 'good' | 'warn' | 'bad', text: string): string {
  return `<span class="badge ${kind}">${escapeHtml(text)}</span>`;
}

function notice(text: string): string {
  return `<p class="notice" role="status">${escapeHtml(text)}</p>`;
}
