/** `node test/local-cloud/up.ts`: starts the local cloud and stays until Ctrl-C. */
import { startLocalCloud } from './local-cloud.ts';
import { lookAround } from './look-around.ts';

console.log(lookAround(await startLocalCloud({ log: console.log })));
// The servers are processes of their own: something has to keep this one alive.
setInterval(() => undefined, 1 << 30);
