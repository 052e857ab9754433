import { join } from 'node:path';
import { cacheDirectory } from './servers/cache-directory.ts';

/** Where `aws` and `aws-encryption-cli` are, of the versions that `scripts/setup/servers.sh` pins. */
export const STOCK_TOOLS = join(cacheDirectory(), 'stock-tools', 'bin');
