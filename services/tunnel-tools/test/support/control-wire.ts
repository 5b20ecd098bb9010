import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';

/** Stands between a controller and tor's control socket: hears every command, and cuts the connection where told to. */
export class ControlWire implements AsyncDisposable {
  readonly path: string;
  /** Every command that went to tor or was cut, in order. */
  readonly commands: string[] = [];
  /** The connection is cut in place of the next command that is exactly this. */
  cutAt: string | undefined;
  readonly #open = new Set<Socket>();
  readonly #server = createServer((socket) => this.#join(socket));
  readonly #torPath: string;

  private constructor(path: string, torPath: string) {
    this.path = path;
    this.#torPath = torPath;
  }

  static async start(folder: string, torPath: string): Promise<ControlWire> {
    const wire = new ControlWire(join(folder, 'wire'), torPath);
    await once(wire.#server.listen(wire.path), 'listening');
    return wire;
  }

  #join(controller: Socket): void {
    const tor = connect(this.#torPath);
    const end = (): void => {
      for (const socket of [controller, tor]) this.#open.delete(socket.destroy());
    };
    for (const socket of [controller, tor]) this.#open.add(socket.on('error', end).on('close', end));
    tor.pipe(controller);
    let rest = '';
    controller.on('data', (part: Buffer) => {
      const lines = `${rest}${part.toString('latin1')}`.split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        this.commands.push(line);
        if (line === this.cutAt) {
          this.cutAt = undefined;
          return end();
        }
        tor.write(`${line}\r\n`, 'latin1');
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
