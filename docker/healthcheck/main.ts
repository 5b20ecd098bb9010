import { isReady, targetOf } from './probe.ts';

const timeoutMs = 2000;

const { host, ports } = targetOf(process.env);
const answers = await Promise.all(ports.map((port) => isReady(host, port, timeoutMs)));
process.exitCode = answers.every(Boolean) ? 0 : 1;
