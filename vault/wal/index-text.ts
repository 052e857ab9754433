import { WalIndex } from '../../contract/wal-object.ts';

/** What of S3's 2 KB of user metadata is the index's. Bytes. */
const MAX_TEXT = 1_500;

/** The index as a metadata value: ASCII, and with no more restore points than there is room for. */
export function buildIndexText(index: WalIndex): string {
  let fitting = WalIndex.parse(index);
  for (;;) {
    const text = ascii(JSON.stringify(fitting));
    if (text.length <= MAX_TEXT || fitting.restorePoints.length === 0) return text;
    const restorePoints = fitting.restorePoints.slice(0, -1);
    fitting = { ...fitting, restorePoints, moreRestorePoints: fitting.moreRestorePoints + 1 };
  }
}

/** The index that a metadata value holds; `undefined` if it is none. */
export function parseIndexText(text: string): WalIndex | undefined {
  try {
    return WalIndex.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function ascii(json: string): string {
  return json.replaceAll(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
