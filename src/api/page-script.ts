/**
 * The page's own code, plain JavaScript for any browser of today. Texts of memories enter the page as text only
 * (`textContent`), never as markup.
 */
export const PAGE_SCRIPT = `
'use strict';
const element = (id) => document.getElementById(id);
const results = element('results');
let running;

element('search').addEventListener('submit', (event) => {
  event.preventDefault();
  void search();
});

async function search() {
  running?.abort();
  const mine = (running = new AbortController());
  element('summary').textContent = 'Searching…';
  try {
    const answer = await ask(mine.signal);
    if (mine === running && answer !== undefined) show(answer);
  } catch (error) {
    if (mine !== running) return;
    element('summary').textContent = '';
    notice([error.message]);
  }
}

async function ask(signal) {
  const response = await fetch('/api/v1/search', {
    method: 'POST',
    signal,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      query: element('query').value,
      tier: element('tier').value || undefined,
      kind: element('kind').value || undefined,
      system_id: element('system').value.trim() || undefined,
      project: element('project').value || undefined,
    }),
  });
  const body = await response.json();
  if (response.status === 401) throw new Error('The server takes this login no more: reload the page to log in again.');
  if (!response.ok) throw new Error(body.error.message);
  return body;
}

function show(answer) {
  const notices = answer.partial.map(({ tier, reason }) => 'Incomplete: ' + tier + ': ' + reason);
  if (!answer.embedding.available) notices.push('Searched by words alone: ' + answer.embedding.reason);
  notice(notices);
  const count = answer.total_results === 1 ? '1 memory' : answer.total_results + ' memories';
  element('summary').textContent = count + ' in ' + Math.round(answer.took_ms) + ' ms';
  results.replaceChildren(...answer.results.map(item));
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
    node('span', '', 'by ' + result.matched.join(' and ')),
  );
  const entry = node('li', '', '');
  entry.append(meta, node('p', 'content', result.content));
  return entry;
}

function node(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}
`;
