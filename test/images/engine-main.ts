import { openEngine, stopEngine } from './engine.ts';

const [verb] = process.argv.slice(2);
if (verb === 'up') {
  const { environment, namespace } = await openEngine();
  const names = ['PATH', 'DOCKER_HOST', 'DOCKER_CONFIG'].filter((name) => environment[name] !== undefined);
  console.log(`export ${names.map((name) => `${name}='${environment[name]}'`).join(' ')}`);
  if (namespace !== undefined) console.log(`export LUCID_DOCKER_NETNS='${namespace}'`);
} else if (verb === 'stop') {
  await stopEngine();
} else {
  console.error(
    'engine-main.ts up: start or find a Docker Engine, print its environment; engine-main.ts stop: stop ours',
  );
  process.exitCode = 2;
}
