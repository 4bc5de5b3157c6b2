export const PAGE_STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #888; --hot: #c2410c; --warm: #a16207; --cold: #0369a1; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 52rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { margin: 0 0 1rem; font-size: 1.4rem; letter-spacing: .02em; }
.row { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; margin-bottom: .75rem; }
.filters, #summary, .meta { color: var(--soft); font-size: .875rem; }
input, select, button { font: inherit; padding: .4rem .6rem; border: 1px solid var(--line); border-radius: .4rem; }
.filters input, .filters select { padding: .2rem .4rem; }
#query { flex: 1 1 16rem; }
button { cursor: pointer; }
#notice { border-left: 4px solid var(--hot); margin: 1rem 0; padding: .5rem .75rem; background: #c2410c18; white-space: pre-line; }
#results { list-style: none; margin: 0; padding: 0; }
#results li { border-top: 1px solid var(--line); padding: .9rem 0; }
.meta { display: flex; flex-wrap: wrap; gap: .2rem .8rem; align-items: baseline; }
.badge { color: #fff; background: var(--soft); border-radius: .3rem; padding: 0 .45rem; }
.badge.hot { background: var(--hot); }
.badge.warm { background: var(--warm); }
.badge.cold { background: var(--cold); }
.tag { border: 1px solid var(--line); border-radius: .3rem; padding: 0 .35rem; }
mark { background: #facc1580; color: inherit; border-radius: .2rem; }
details summary { cursor: pointer; color: var(--soft); font-size: .875rem; }
.content { margin: .4rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 12rem; overflow: auto; }
`;
