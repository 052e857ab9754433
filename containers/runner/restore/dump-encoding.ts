/**
 * What the Encoding Standard calls the encodings that a database may have, by PostgreSQL's names; those
 * that it does not know are left out.
 *
 * @see https://encoding.spec.whatwg.org/#names-and-labels
 * @see https://www.postgresql.org/docs/17/multibyte.html
 */
const LABELS: Readonly<Record<string, string>> = {
  EUC_CN: 'gbk',
  EUC_JP: 'euc-jp',
  EUC_KR: 'euc-kr',
  ISO_8859_5: 'iso-8859-5',
  ISO_8859_6: 'iso-8859-6',
  ISO_8859_7: 'iso-8859-7',
  ISO_8859_8: 'iso-8859-8',
  KOI8R: 'koi8-r',
  KOI8U: 'koi8-u',
  LATIN2: 'iso-8859-2',
  LATIN3: 'iso-8859-3',
  LATIN4: 'iso-8859-4',
  LATIN5: 'iso-8859-9',
  LATIN6: 'iso-8859-10',
  LATIN7: 'iso-8859-13',
  LATIN8: 'iso-8859-14',
  LATIN9: 'iso-8859-15',
  LATIN10: 'iso-8859-16',
  WIN866: 'ibm866',
  WIN874: 'windows-874',
  WIN1250: 'windows-1250',
  WIN1251: 'windows-1251',
  WIN1252: 'windows-1252',
  WIN1253: 'windows-1253',
  WIN1254: 'windows-1254',
  WIN1255: 'windows-1255',
  WIN1256: 'windows-1256',
  WIN1257: 'windows-1257',
  WIN1258: 'windows-1258',
};

/** Where a dump tells its encoding: in its first entry, or in its first lines. Bytes. */
const HEAD_BYTES = 65_536;

/**
 * How the texts of a dump are read. A database of another encoding than UTF-8 is dumped in that, but for
 * what all databases share, such as names of roles: that is as it was written, mostly in UTF-8. So what
 * is UTF-8 is taken for it.
 *
 * @param dump a table of contents, or SQL.
 */
export function decoderOf(dump: Buffer): (text: Buffer) => string {
  const head = dump.subarray(0, HEAD_BYTES).toString('latin1');
  const encoding = /SET client_encoding = '(\w+)';/.exec(head)?.[1] ?? 'UTF8';
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const decodeOwn = ownDecoder(encoding);
  return (text) => {
    try {
      return utf8.decode(text);
    } catch {
      return decodeOwn(text);
    }
  };
}

function ownDecoder(encoding: string): (text: Buffer) => string {
  if (encoding === 'LATIN1') return (text) => text.toString('latin1');
  const label = LABELS[encoding];
  if (label === undefined) return (text) => text.toString('utf8');
  const own = new TextDecoder(label);
  return (text) => own.decode(text);
}
