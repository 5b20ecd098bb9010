import Type from 'typebox';
import { type Access, defineApi, type ErrorCatalogue, type Operations } from './api.ts';
import { page, pageQuery, strictObject } from './schemas.ts';
import {
  CreatedTunnelClient,
  ExportConfirmation,
  ExportedKey,
  NewTunnel,
  NewTunnelClient,
  Probe,
  Rotation,
  Tunnel,
  TunnelChange,
  TunnelClient,
  TunnelClientId,
  TunnelEvent,
  TunnelName,
  TunnelPlan,
  TunnelToolsStatus,
} from './tunnels-schemas.ts';

const admins: Access = { roles: ['admin'] };

export const tunnelErrors = {
  TUNNEL_NOT_FOUND: { status: 404, doc: 'There is no tunnel of this name.' },
  TUNNEL_NAME_TAKEN: { status: 409, doc: 'Another tunnel has this name.' },
  TUNNEL_LIMIT_REACHED: { status: 409, doc: 'There are as many tunnels as there may be; delete one first.' },
  TUNNEL_TARGET_REFUSED: {
    status: 422,
    doc:
      'An onion service leads to the gateway or to the documentation, by name, and to nothing else: no address, no ' +
      'store, no other service, not tor itself. The list is code; no setting opens it.',
  },
  TUNNEL_PORT_REPEATED: { status: 400, doc: 'A virtual port is named twice.' },
  TUNNEL_VERSION_CONFLICT: { status: 412, doc: 'The tunnel was changed since; `If-Match` names an older version.' },
  TUNNEL_STOPPED: { status: 409, doc: 'The tunnel is stopped or expired, so it is not on the network.' },
  TUNNEL_DECLARED_IN_FILE: {
    status: 409,
    doc: 'The operator’s file declares the tunnel, and would take the change back: change the file.',
  },
  TUNNEL_ROTATION_RUNNING: {
    status: 409,
    doc: 'An older address of the tunnel is still on the network; `retiresAt` says until when.',
  },
  TUNNEL_PROBE_RUNNING: { status: 409, doc: 'The tunnel is being verified already; wait for the result.' },
  TUNNEL_KEY_INVALID: { status: 422, doc: 'The key is not a version 3 `hs_ed25519_secret_key` file.' },
  TUNNEL_KEY_TAKEN: { status: 409, doc: 'Another tunnel has this key, and so this address.' },
  TUNNEL_CONFIRMATION_WRONG: { status: 422, doc: '`confirm` is not the name of the tunnel, so its key stays here.' },
  TUNNEL_CLIENT_AUTH_OFF: { status: 409, doc: 'The tunnel is open to all; set `clientAuth` before letting people in.' },
  TUNNEL_CLIENT_NOT_FOUND: { status: 404, doc: 'The tunnel has no such client.' },
  TUNNEL_CLIENT_NAME_TAKEN: { status: 409, doc: 'Another client of the tunnel has this name.' },
  TUNNEL_CLIENT_KEY_INVALID: { status: 422, doc: 'The public key is not a usable x25519 key, or is in use here.' },
  TUNNEL_CLIENT_LIMIT_REACHED: { status: 409, doc: 'The tunnel has as many clients as it may have; revoke one first.' },
  TOR_UNAVAILABLE: { status: 503, doc: 'tor does not answer on its control socket, or is not connected yet.' },
  IDEMPOTENCY_KEY_INVALID: { status: 400, doc: 'An Idempotency-Key is 1 to 255 visible ASCII characters.' },
  STORE_FAILED: { status: 503, doc: 'A write failed; nothing is written any more until an operator restarts it.' },
  STORE_CLOSED: { status: 503, doc: 'The service is closing; try again.' },
} as const satisfies ErrorCatalogue;

const writeErrors = ['STORE_FAILED', 'STORE_CLOSED'] as const;
const ifMatch = Type.Object({
  'if-match': Type.Optional(
    Type.String({ pattern: '^"[1-9][0-9]{0,14}"$', description: 'The ETag the change is made from' }),
  ),
});
const tunnelParams = strictObject({ name: TunnelName });
const clientParams = strictObject({ name: TunnelName, clientId: TunnelClientId });
const one = { description: 'The tunnel; `ETag` is its version', schema: Tunnel } as const;

const tunnels = {
  createTunnel: {
    method: 'POST',
    path: '/tunnels',
    summary: 'Declare a tunnel',
    description:
      'Its key is made, sealed and stored before the answer; it is published as soon as tor can. The address is known ' +
      'at once and stays over restarts of everything.',
    tag: 'tunnels',
    access: admins,
    body: NewTunnel,
    responses: { 201: one },
    errors: [
      ...writeErrors,
      'TUNNEL_NAME_TAKEN',
      'TUNNEL_LIMIT_REACHED',
      'TUNNEL_TARGET_REFUSED',
      'TUNNEL_PORT_REPEATED',
      'TUNNEL_KEY_INVALID',
      'TUNNEL_KEY_TAKEN',
      'IDEMPOTENCY_KEY_INVALID',
    ],
    idempotencyKey: true,
  },
  listTunnels: {
    method: 'GET',
    path: '/tunnels',
    summary: 'List tunnels by name',
    tag: 'tunnels',
    access: admins,
    query: strictObject(pageQuery),
    responses: { 200: { description: 'A page of tunnels', schema: page(Tunnel) } },
    errors: ['CURSOR_INVALID'],
  },
  getTunnel: {
    method: 'GET',
    path: '/tunnels/{name}',
    summary: 'Read a tunnel: what is declared and what is seen',
    tag: 'tunnels',
    access: admins,
    params: tunnelParams,
    responses: { 200: one },
    errors: ['TUNNEL_NOT_FOUND'],
  },
  updateTunnel: {
    method: 'PATCH',
    path: '/tunnels/{name}',
    summary: 'Change, stop or start a tunnel',
    description:
      'The address stays, and so does what visitors have open, unless `clientAuth` is set or a port is withdrawn: then ' +
      'everybody is put out.',
    tag: 'tunnels',
    access: admins,
    params: tunnelParams,
    headers: ifMatch,
    body: TunnelChange,
    responses: { 200: one },
    errors: [
      ...writeErrors,
      'TUNNEL_NOT_FOUND',
      'TUNNEL_VERSION_CONFLICT',
      'TUNNEL_DECLARED_IN_FILE',
      'TUNNEL_TARGET_REFUSED',
      'TUNNEL_PORT_REPEATED',
    ],
  },
  deleteTunnel: {
    method: 'DELETE',
    path: '/tunnels/{name}',
    summary: 'Take a tunnel down for ever',
    description:
      'With its keys: the address never comes back, and visitors are put out. To keep them, stop it instead (`desired`).',
    tag: 'tunnels',
    access: admins,
    params: tunnelParams,
    headers: ifMatch,
    responses: { 204: { description: 'Deleted' } },
    errors: [...writeErrors, 'TUNNEL_NOT_FOUND', 'TUNNEL_VERSION_CONFLICT', 'TUNNEL_DECLARED_IN_FILE'],
  },
  getTunnelQr: {
    method: 'GET',
    path: '/tunnels/{name}/qr.svg',
    summary: 'The current address as a QR code',
    tag: 'tunnels',
    access: admins,
    params: tunnelParams,
    responses: { 200: { description: 'The code of `http://<address>`', contentType: 'image/svg+xml' } },
    errors: ['TUNNEL_NOT_FOUND'],
  },
  rotateTunnel: {
    method: 'POST',
    path: '/tunnels/{name}/rotate',
    summary: 'Move a tunnel to a new address',
    description:
      'Both addresses are on the network for the grace time; then the old one is taken down and its key deleted. ' +
      'Clients keep their keys: the `.auth_private` line only changes its address.',
    tag: 'tunnels',
    access: admins,
    params: tunnelParams,
    headers: ifMatch,
    body: Rotation,
    responses: { 200: one },
    errors: [
      ...writeErrors,
      'TUNNEL_NOT_FOUND',
      'TUNNEL_VERSION_CONFLICT',
      'TUNNEL_ROTATION_RUNNING',
      'IDEMPOTENCY_KEY_INVALID',
    ],
    idempotencyKey: true,
  },
  refreshTunnel: {
    method: 'POST',
    path: '/tunnels/{name}/refresh',
    summary: 'Publish the same address again',
    description: 'Takes it from tor and adds it anew: new introduction points, new descriptors.',
    tag: 'tunnels',
    access: admins,
    params: tunnelParams,
    responses: { 200: one },
    errors: [...writeErrors, 'TUNNEL_NOT_FOUND', 'TUNNEL_STOPPED', 'TOR_UNAVAILABLE'],
  },
  exportTunnelKey: {
    method: 'POST',
    path: '/tunnels/{name}/key',
    summary: 'Export the private key of the current address',
    description: 'In the form of tor’s own files. Whoever has it can be this address; the event log says who asked.',
    tag: 'tunnels',
    access: admins,
    params: tunnelParams,
    body: ExportConfirmation,
    responses: { 200: { description: 'The key', schema: ExportedKey } },
    errors: [...writeErrors, 'TUNNEL_NOT_FOUND', 'TUNNEL_CONFIRMATION_WRONG'],
  },
} as const satisfies Operations;

const clients = {
  createTunnelClient: {
    method: 'POST',
    path: '/tunnels/{name}/clients',
    summary: 'Let a person in to a tunnel',
    description:
      'The private key is in this answer and nowhere else. A name is used once, so a request that is sent again is ' +
      'refused and makes no second key.',
    tag: 'clients',
    access: admins,
    params: tunnelParams,
    body: NewTunnelClient,
    responses: { 201: { description: 'The client and, this once, its private key', schema: CreatedTunnelClient } },
    errors: [
      ...writeErrors,
      'TUNNEL_NOT_FOUND',
      'TUNNEL_CLIENT_AUTH_OFF',
      'TUNNEL_CLIENT_NAME_TAKEN',
      'TUNNEL_CLIENT_KEY_INVALID',
      'TUNNEL_CLIENT_LIMIT_REACHED',
    ],
  },
  listTunnelClients: {
    method: 'GET',
    path: '/tunnels/{name}/clients',
    summary: 'List who is let in to a tunnel, in the order they were',
    tag: 'clients',
    access: admins,
    params: tunnelParams,
    query: strictObject(pageQuery),
    responses: { 200: { description: 'A page of clients', schema: page(TunnelClient) } },
    errors: ['TUNNEL_NOT_FOUND', 'CURSOR_INVALID'],
  },
  revokeTunnelClient: {
    method: 'DELETE',
    path: '/tunnels/{name}/clients/{clientId}',
    summary: 'Let a person in no more',
    description:
      'The service is published anew without their key. Every visitor is put out, since tor cannot tell whose is whose.',
    tag: 'clients',
    access: admins,
    params: clientParams,
    responses: { 204: { description: 'Revoked' } },
    errors: [...writeErrors, 'TUNNEL_NOT_FOUND', 'TUNNEL_CLIENT_NOT_FOUND'],
  },
} as const satisfies Operations;

const probes = {
  verifyTunnel: {
    method: 'POST',
    path: '/tunnels/{name}/verify',
    summary: 'Visit a tunnel through the Tor network, now',
    description: 'As a visitor does: descriptor, circuit, connection, request. A failed step says why in plain words.',
    tag: 'probes',
    access: admins,
    params: tunnelParams,
    responses: { 200: { description: 'What the visit found; `ok` says whether it arrived', schema: Probe } },
    errors: [...writeErrors, 'TUNNEL_NOT_FOUND', 'TUNNEL_STOPPED', 'TUNNEL_PROBE_RUNNING', 'TOR_UNAVAILABLE'],
  },
  listProbes: {
    method: 'GET',
    path: '/tunnels/{name}/probes',
    summary: 'List visits, the latest first',
    description: 'The latest 200 of a tunnel are kept.',
    tag: 'probes',
    access: admins,
    params: tunnelParams,
    query: strictObject(pageQuery),
    responses: { 200: { description: 'A page of probes', schema: page(Probe) } },
    errors: ['TUNNEL_NOT_FOUND', 'CURSOR_INVALID'],
  },
} as const satisfies Operations;

const state = {
  getTunnelStatus: {
    method: 'GET',
    path: '/status',
    summary: 'tor’s own state, the targets, and how many tunnels are on the network',
    tag: 'status',
    access: admins,
    responses: { 200: { description: 'The state', schema: TunnelToolsStatus } },
  },
  getTunnelPlan: {
    method: 'GET',
    path: '/plan',
    summary: 'What differs between what is declared and what tor has',
    description: 'A dry run: nothing is changed. What is listed is carried out within seconds.',
    tag: 'status',
    access: admins,
    responses: { 200: { description: 'The difference', schema: TunnelPlan } },
    errors: ['TOR_UNAVAILABLE'],
  },
  listTunnelEvents: {
    method: 'GET',
    path: '/events',
    summary: 'List what happened, the latest first',
    description: 'The latest 10,000 events are kept.',
    tag: 'status',
    access: admins,
    query: strictObject({ ...pageQuery, tunnel: Type.Optional(TunnelName) }),
    responses: { 200: { description: 'A page of events', schema: page(TunnelEvent) } },
    errors: ['CURSOR_INVALID'],
  },
} as const satisfies Operations;

/** tunnel-tools (7000): the platform's onion services. Inside only; the gateway does not forward it. */
export const tunnelsApi = defineApi({
  service: 'tunnel-tools',
  title: 'Lucid tunnels',
  description: 'Onion services of the platform: declare, publish, let people in, verify, rotate, take down',
  errors: tunnelErrors,
  operations: { ...tunnels, ...clients, ...probes, ...state },
});
