import { bindDescription } from '@lucid/contracts/governor';

/** The text of a proposal as it goes on chain: title, empty line, body, and the proposer's mark that protects it. */
export function encodeDescription(title: string, description: string, proposer: string): string {
  return bindDescription(description === '' ? `${title}\n` : `${title}\n\n${description}\n`, proposer);
}

/** Title and body of any text on chain, without the mark. */
export function parseDescription(text: string): { title: string; description: string } {
  const unmarked = text.replace(/\n?#proposer=0x[0-9a-f]{40}$/i, '');
  const end = unmarked.indexOf('\n');
  if (end === -1) return { title: unmarked, description: '' };
  return { title: unmarked.slice(0, end), description: unmarked.slice(end + 1).replace(/^\n/, '') };
}
