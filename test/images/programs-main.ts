import { Steps } from '../support/steps.ts';
import { openEngine } from './engine.ts';
import { checkPrograms } from './programs/checks.ts';

const steps = new Steps();
await checkPrograms(steps, await openEngine(), process.argv[2] ?? 'pickme/lucid');
process.exitCode = steps.finish() ? 0 : 1;
