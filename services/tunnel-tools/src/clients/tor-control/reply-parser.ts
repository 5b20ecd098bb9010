import { AppError } from '@lucid/common/errors';

/** One line of a reply, with the data block that followed it (its lines joined by LF). */
export interface ReplyLine {
  readonly text: string;
  readonly data?: string;
}

/** What tor answers to a command, or tells by itself (6xx). */
export interface Reply {
  readonly status: number;
  readonly lines: readonly ReplyLine[];
}

export interface ReplyLimits {
  /** Longest line, characters. */
  readonly lineMax: number;
  /** Longest reply with its data blocks, characters. */
  readonly replyMax: number;
}

export const defaultReplyLimits: ReplyLimits = { lineMax: 65_536, replyMax: 4 * 1024 * 1024 };

/**
 * Cuts what tor sends (control-spec §2.3, as latin1 text) into replies, however it arrives in pieces. It keeps at most
 * one reply and one line; what passes the limits or is no reply throws TOR_REPLY_MALFORMED, after which the connection
 * is of no more use.
 */
export class ReplyParser {
  readonly #limits: ReplyLimits;
  #rest = '';
  #lines: { text: string; data?: string }[] = [];
  #status = 0;
  #size = 0;
  /** The lines of the data block that is being read. */
  #block: string[] | undefined;

  constructor(limits: ReplyLimits = defaultReplyLimits) {
    this.#limits = limits;
  }

  /** The replies that are whole with this piece. */
  push(piece: string): Reply[] {
    const replies: Reply[] = [];
    const text = this.#rest + piece;
    let from = 0;
    for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n', from)) {
      const reply = this.#take(text.slice(from, end));
      if (reply) replies.push(reply);
      from = end + 2;
    }
    this.#rest = text.slice(from);
    if (this.#rest.length > this.#limits.lineMax + 1) throw malformed('a line is too long');
    return replies;
  }

  #take(line: string): Reply | undefined {
    this.#size += line.length + 2;
    if (line.length > this.#limits.lineMax) throw malformed('a line is too long');
    if (this.#size > this.#limits.replyMax) throw malformed('a reply is too long');
    return this.#block ? this.#takeData(this.#block, line) : this.#takeLine(line);
  }

  #takeData(block: string[], line: string): undefined {
    if (line !== '.') {
      block.push(line.startsWith('.') ? line.slice(1) : line);
      return;
    }
    const last = this.#lines.at(-1);
    if (last) last.data = block.join('\n');
    this.#block = undefined;
  }

  #takeLine(line: string): Reply | undefined {
    const match = /^([2-6]\d\d)([ +-])([^\r\n]*)$/.exec(line);
    if (!match) throw malformed('a line has no status');
    const [, status = '', separator, text = ''] = match;
    if (this.#lines.length > 0 && status.charAt(0) !== String(this.#status).charAt(0)) {
      throw malformed('a reply changes its status');
    }
    this.#status = Number(status);
    this.#lines.push({ text });
    if (separator === '+') this.#block = [];
    if (separator !== ' ') return undefined;
    const reply = { status: this.#status, lines: this.#lines };
    this.#lines = [];
    this.#size = 0;
    return reply;
  }
}

function malformed(detail: string): AppError {
  return new AppError('TOR_REPLY_MALFORMED', `tor's control socket sends no control protocol: ${detail}`);
}
