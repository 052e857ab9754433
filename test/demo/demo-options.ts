import { parseArgs } from 'node:util';

const HELP = `npm run demo [-- --keep]

  --keep  leave the local cloud running afterwards, until Ctrl-C
  --help  this`;

/** What the command line asks for: the demo, its help, or nothing that there is. */
export type DemoOptions =
  | { readonly keep: boolean }
  | { readonly help: string }
  | { readonly wrong: string };

export function demoOptions(args: readonly string[]): DemoOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return values.help ? { help: HELP } : { keep: values.keep };
  } catch (error) {
    return { wrong: `${(error as Error).message}\n\n${HELP}` };
  }
}
