/** The client closed its connection: there is nobody to answer, and nothing is said of the upstream. */
export class ClientGone extends Error {
  constructor(cause?: unknown) {
    super('the client closed the connection', { cause });
    this.name = 'ClientGone';
  }
}
