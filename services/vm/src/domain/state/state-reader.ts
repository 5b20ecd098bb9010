/** Opens states for reading, keeping the last one: most questions are about the head. */
import { equalBytes } from '../bytes.ts';
import { JournaledState, type StateSource } from './journaled-state.ts';

/** How many answers one state serves before it is opened anew, so that what it holds stays bounded. */
const READS_MAX = 10_000;

/** A function that opens the state at a root. What it returns is for reading at once, not for keeping. */
export function createStateReader(source: StateSource): (root: Uint8Array) => JournaledState {
  let last: { state: JournaledState; reads: number } | undefined;
  return (root) => {
    if (last === undefined || last.reads >= READS_MAX || !equalBytes(last.state.root, root)) {
      last = { state: new JournaledState(source, root), reads: 0 };
    }
    last.reads += 1;
    return last.state;
  };
}
