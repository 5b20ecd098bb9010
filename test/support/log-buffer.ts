import { createLogger, type Logger } from '@lucid/common/runtime/logger';

/** A logger that keeps every line, at its most talkative. */
export interface LogBuffer {
  readonly logger: Logger;
  readonly text: () => string;
}

export function createLogBuffer(): LogBuffer {
  const lines: string[] = [];
  const logger = createLogger({ name: 'test', level: 'trace' }, { write: (line) => void lines.push(line) });
  return { logger, text: () => lines.join('') };
}
