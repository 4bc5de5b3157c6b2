import { createHash } from 'node:crypto';
import { KINDS, SEARCH_SORTS, TIERS } from '../contract/index.js';
import { PAGE_SCRIPT } from './page-script.js';
import { PAGE_STYLE } from './page-style.js';

function options(all: string, names: readonly string[]): string {
  return [`<option value="">${all}</option>`, ...names.map((name) => `<option>${name}</option>`)].join('');
}

/** A page to search from: one file, nothing loaded from elsewhere. */
export const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Akosha</title>
<link rel="icon" href="data:,">
<style>${PAGE_STYLE}</style>
</head>
<body>
<main>
<h1>Akosha</h1>
<form id="search" role="search">
<div class="row">
<input id="query" type="search" aria-label="Search" placeholder="What do you want to remember?" required autofocus>
<button>Search</button>
</div>
<div class="row filters">
<label>Tier <select id="tier">${options('all', TIERS)}</select></label>
<label>Kind <select id="kind">${options('all', KINDS)}</select></label>
<label>System <input id="system" size="14" pattern="[A-Za-z0-9_\\-]{1,100}" placeholder="all"></label>
<label>Project <input id="project" size="14" placeholder="all"></label>
<label>Tag <input id="tag" size="10" placeholder="all"></label>
<label>From <input id="since" type="date"></label>
<label>To before <input id="until" type="date"></label>
<label title="Only what had been ingested by then, in its present wording">Known by <input id="known-by" type="date"></label>
<label>Sort by <select id="sort">${SEARCH_SORTS.map((sort) => `<option>${sort}</option>`).join('')}</select></label>
</div>
</form>
<p id="notice" role="status" hidden></p>
<p id="summary" role="status"></p>
<ol id="results"></ol>
<button id="more" type="button" hidden>More</button>
</main>
<noscript><p>This page needs JavaScript. The same search: <code>akosha search TEXT</code>.</p></noscript>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;

/** What a browser shows whose user closed the login window. */
export const LOGIN_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Akosha: log in</title>
<link rel="icon" href="data:,">
<h1>Akosha</h1>
<p>This server asks for its token: reload the page, and enter the token (<code>AKOSHA_API_TOKEN</code>) as the password. The user name does
not matter.</p>
</html>
`;

function hashSource(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/** Nothing runs or loads but what is in the page, so that a memory that holds markup stays text whatever happens. */
export const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': [
    `default-src 'none'`,
    `script-src ${hashSource(PAGE_SCRIPT)}`,
    `style-src ${hashSource(PAGE_STYLE)}`,
    `connect-src 'self'`,
    'img-src data:',
    `base-uri 'none'`,
    `form-action 'none'`,
    `frame-ancestors 'none'`,
  ].join('; '),
  'x-content-type-options': 'nosniff',
  // Not `no-referrer`: with it a browser may hide from us that a request comes from our own page (`Origin: null`).
  'referrer-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;
