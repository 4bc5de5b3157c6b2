import type { HostileName } from './input.js';

const skipped = (name: string, what: string, ...keys: string[]): HostileName => ({
  name,
  what,
  keys,
  gets: { skipped: keys.length },
});

/** A manifest alone, of nothing that could be read: what counts is whose it is taken for. */
const taken = (name: string, what: string, folder: string, system: RegExp): HostileName => ({
  name,
  what,
  keys: [`systems/${folder}/uploads/20261122_100000_x/manifest.json`],
  gets: { system },
});

const LONG = 'n'.repeat(255);

export const NAMES: readonly HostileName[] = [
  skipped('inbox: no system', 'an entry that names no system', 'inbox/20261122_100000_x'),
  skipped('inbox: no upload', 'an entry that names no upload', 'inbox/@laptop'),
  skipped('inbox: two @', 'an entry that could be read in two ways', 'inbox/a@b@c'),
  skipped('inbox: a folder', 'an entry in a folder', 'inbox/2026/a@b'),
  skipped('inbox: a blank', 'a name with blanks', 'inbox/a b@c d'),
  skipped('inbox: %2e%2e', 'a path, URL-encoded', 'inbox/%2e%2e%2fx@y'),
  skipped('inbox: Unicode', 'a name that is no id', 'inbox/a@läptop'),
  skipped('inbox: another direction', 'marks that turn text round', 'inbox/\u202ea@b'),
  skipped('inbox: emoji', 'a name that is no id', 'inbox/🙂@🙂'),
  skipped('inbox: 255 bytes', 'as long as a name may be', `inbox/${LONG}`),
  skipped('inbox: a system with a dot', 'no agent of ours has such an id', 'inbox/a@laptop.local'),
  skipped('inbox: a comma and a quote', `a name as SQL`, `inbox/'; DROP TABLE uploads; --@x`),
  {
    name: 'inbox: an upload that is not',
    what: 'an entry for which there is no manifest: it stays until there is',
    keys: ['inbox/nothing@nobody'],
    gets: { unseen: true },
  },
  skipped(
    'inbox: .. as an upload',
    'dots are plain in an upload’s id, but not alone',
    'inbox/..@nobody',
    'inbox/.@nobody',
  ),
  {
    name: 'inbox: __proto__',
    what: 'names that JavaScript’s objects have',
    keys: ['inbox/__proto__@constructor'],
    gets: { unseen: true },
  },
  {
    name: 'systems: a file',
    what: 'an object where folders are looked for',
    keys: ['systems/file.txt'],
    gets: { unseen: true },
  },
  skipped('systems: no uploads', 'a system’s folder without uploads', 'systems/empty/readme.txt'),
  skipped(
    'systems: one level too high',
    'where the original server looked for uploads',
    'systems/high/20261122_100000_x/manifest.json',
  ),
  {
    name: 'systems: a manifest one level too deep',
    what: 'an upload without a manifest where it must be: not complete',
    keys: ['systems/deep/uploads/x/y/manifest.json'],
    gets: { unseen: true },
  },
  {
    name: 'systems: MANIFEST.JSON',
    what: 'another name: the upload is not complete',
    keys: ['systems/case/uploads/x/MANIFEST.JSON'],
    gets: { unseen: true },
  },
  taken('systems: a blank', 'a folder that is no id', 'Les’s Mac (2)', /^x--Les_E2_80_99s/),
  taken('systems: control characters of C1', 'which XML can write', 'a\u00a0b', /^x--a_C2_A0b$/),
  taken('systems: another direction', 'marks that turn text round', '\u202egnp.laptop', /^x--_E2_80_AEgnp/),
  taken('systems: emoji', 'characters beyond 16 bits', '🙂🙂', /^x--_F0_9F_99_82_F0_9F_99_82$/),
  taken('systems: full-width dots', 'dots that are none', '．．', /^x--_EF_BC_8E/),
  taken('systems: %2e%2e', 'a path, URL-encoded', '%2e%2e', /^x--_252e_252e$/),
  taken('systems: x--', 'a name that begins as an escaped one', 'x--laptop_2e', /^x--x--laptop_5F2e$/),
  taken('systems: 255 letters', 'as long as a folder’s name may be', LONG, /^x--n+__[0-9a-f]{32}$/),
  taken(
    'systems: 63 emoji',
    'as many bytes as a folder’s name may have',
    '🙂'.repeat(63),
    /^x--_F0_9F.*__[0-9a-f]{32}$/,
  ),
  taken(
    'systems: SQL',
    'a name that would end a statement',
    `'; DROP TABLE systems; --`,
    /^x--_27_3B_20DROP/,
  ),
  taken('systems: __proto__', 'a name that JavaScript’s objects have', '__proto__', /^__proto__$/),
  taken('systems: constructor', 'a name that JavaScript’s objects have', 'constructor', /^constructor$/),
  taken('systems: CON', 'a reserved name of Windows', 'CON', /^CON$/),
  taken(
    'systems: a combining accent',
    'another spelling of é: another system',
    'cafe\u0301',
    /^x--cafe_CC_81$/,
  ),
  taken('systems: a glob', 'a pattern', '*', /^x--_2A$/),
];
