import { fileURLToPath } from 'node:url';
import { Runtime } from 'aws-cdk-lib/aws-lambda';
import { type NodejsFunctionProps, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** How each function's code is bundled; `folder` is its place below `functions/`. */
export function functionCode(folder: string) {
  return {
    runtime: Runtime.NODEJS_24_X,
    entry: `${ROOT}functions/${folder}/handler.ts`,
    projectRoot: ROOT,
    depsLockFilePath: `${ROOT}package-lock.json`,
    bundling: {
      format: OutputFormat.ESM,
      target: 'node24',
      // What was tested is what is deployed, not whatever SDK the runtime brings that day.
      bundleAwsSDK: true,
      // Bundled CommonJS still calls require() for Node's own modules.
      banner:
        "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  } satisfies NodejsFunctionProps;
}
