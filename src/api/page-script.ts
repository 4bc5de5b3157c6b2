/**
 * The page's own code, plain JavaScript for any browser of today. Texts of memories enter the page as text only
 * (`textContent`), never as markup.
 */
export const PAGE_SCRIPT = `
'use strict';
const element = (id) => document.getElementById(id);
const results = element('results');
const more = element('more');
let running;
let asked;
let shown = 0;

element('search').addEventListener('submit', (event) => {
  event.preventDefault();
  void search(request());
});
more.addEventListener('click', () => void search(asked));

/** With a cursor the page behind the one that is shown. */
async function search(body) {
  running?.abort();
  const mine = (running = new AbortController());
  element('summary').textContent = 'Searching…';
  more.hidden = true;
  try {
    const answer = await ask(body, mine.signal);
    if (mine === running) show(answer, body);
  } catch (error) {
    if (mine !== running) return;
    element('summary').textContent = '';
    // What is shown is still there, and so is what comes behind it.
    more.hidden = asked?.cursor === undefined;
    notice([error.message]);
  }
}

function request() {
  const text = (id) => element(id).value || undefined;
  return {
    query: element('query').value,
    tier: text('tier'),
    kind: text('kind'),
    system_id: element('system').value.trim() || undefined,
    project: text('project'),
    tag: text('tag'),
    since: text('since'),
    until: text('until'),
    known_by: text('known-by'),
    sort: text('sort'),
    snippets: true,
  };
}

async function ask(body, signal) {
  const response = await fetch('/api/v1/search', {
    method: 'POST',
    signal,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (response.status === 401) throw new Error('The server takes this login no more: reload the page to log in again.');
  if (!response.ok) throw new Error(answer.error.message);
  return answer;
}

function show(answer, body) {
  const notices = answer.partial.map(({ tier, reason }) => 'Incomplete: ' + tier + ': ' + reason);
  if (!answer.embedding.available && body.sort !== 'time') notices.push('Searched by words alone: ' + answer.embedding.reason);
  notice(notices);
  if (body.cursor === undefined) {
    results.replaceChildren();
    shown = 0;
  }
  shown += answer.results.length;
  results.append(...answer.results.map(item));
  const count = shown === 1 ? '1 memory' : shown + ' memories';
  element('summary').textContent = count + ' in ' + Math.round(answer.took_ms) + ' ms';
  asked = { ...body, cursor: answer.next_cursor ?? undefined };
  more.hidden = answer.next_cursor === null;
}

function notice(lines) {
  element('notice').hidden = lines.length === 0;
  element('notice').textContent = lines.join('\\n');
}

function item(result) {
  const meta = node('div', 'meta', '');
  meta.append(
    node('span', 'badge ' + result.tier, result.tier),
    node('span', '', result.kind),
    node('span', '', result.system_id),
    ...(result.project === null ? [] : [node('span', '', result.project)]),
    node('time', '', result.created_at.slice(0, 16).replace('T', ' ')),
    ...result.tags.map((tag) => node('span', 'tag', tag)),
    node('span', '', 'by ' + result.matched.join(' and ')),
  );
  const entry = node('li', '', '');
  entry.append(meta, excerpt(result.snippet));
  if (result.snippet.cut_before || result.snippet.cut_behind) entry.append(whole(result.content));
  return entry;
}

/** The words of the query as elements of their own, made of text like all else. */
function excerpt({ text, marks, cut_before, cut_behind }) {
  const part = node('p', 'content', cut_before ? '… ' : '');
  let at = 0;
  for (const [from, to] of marks) {
    part.append(text.slice(at, from), node('mark', '', text.slice(from, to)));
    at = to;
  }
  part.append(text.slice(at), cut_behind ? ' …' : '');
  return part;
}

/** Put into the page when it is opened: a memory may have millions of characters. */
function whole(content) {
  const details = node('details', '', '');
  details.append(node('summary', '', 'Whole text'));
  details.addEventListener('toggle', () => details.append(node('p', 'content', content)), { once: true });
  return details;
}

function node(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}
`;
