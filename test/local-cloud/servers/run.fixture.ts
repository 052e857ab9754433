import { makeCertificates } from './certificates.ts';
import { containerArguments, POSTGRES_IMAGE, podman } from './container.ts';
import { startMoto } from './moto.ts';
import { startRun } from './run.ts';
import { startVersitygw } from './versitygw.ts';

/**
 * Starts servers and a container, prints where they are, and waits to be killed, or ends in an
 * orderly way when its standard input does.
 */
const run = await startRun();
const versitygw = await startVersitygw({ run, certificates: await makeCertificates(run) });
const moto = await startMoto({ run });
await podman([...containerArguments(run), '--detach', POSTGRES_IMAGE, 'sleep', '600']);
const ports = [versitygw.endpoint, moto.endpoint].map((endpoint) => Number(new URL(endpoint).port));
console.log(JSON.stringify({ id: run.id, directory: run.directory, ports }));
for await (const _ of process.stdin);
await Promise.all([versitygw.stop(), moto.stop()]);
await run.stop();
