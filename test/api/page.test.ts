import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { runInNewContext, Script } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { serve } from './support.js';

/** As much of an element as the page's script asks of one. */
class FakeElement {
  hidden = true;
  value = '';
  textContent = '';
  readonly #listeners = new Map<string, (event: { preventDefault: () => void }) => void>();

  addEventListener(name: string, listener: (event: { preventDefault: () => void }) => void): void {
    this.#listeners.set(name, listener);
  }

  append(): void {
    // Nothing is shown.
  }

  replaceChildren(): void {
    // As above.
  }

  /** Until what the listener began is over. */
  async fire(name: string): Promise<void> {
    this.#listeners.get(name)?.({ preventDefault: () => undefined });
    await setImmediate();
  }
}

describe('the page', () => {
  it('is one file that may load and run nothing but itself', async () => {
    const response = await (await serve()).get('/');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = response.headers.get('content-security-policy') ?? '';
    const html = await response.text();
    for (const [tag, directive] of [
      ['script', 'script-src'],
      ['style', 'style-src'],
    ] as const) {
      const [, text = ''] = new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(html) ?? [];
      expect(text.length).toBeGreaterThan(100);
      expect(policy).toContain(`${directive} 'sha256-${createHash('sha256').update(text).digest('base64')}'`);
    }
    expect(policy).toContain(`default-src 'none'`);
    expect(policy).not.toContain('unsafe');
    expect(html).not.toMatch(/\son[a-z]+=|javascript:|https?:\/\//);
    // With `no-referrer` a browser may send `Origin: null`, and the guard would take the page for another site's.
    expect(response.headers.get('referrer-policy')).toBe('same-origin');
  });

  it('has a script that parses and makes no markup of texts', async () => {
    const html = await (await (await serve()).get('/')).text();
    const [, script = ''] = /<script>([^]*?)<\/script>/.exec(html) ?? [];
    expect(() => new Script(script)).not.toThrow();
    expect(script).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write/);
  });

  it('offers more of what it shows again after a request for it has failed', async () => {
    const html = await (await (await serve()).get('/')).text();
    const [, script = ''] = /<script>([^]*?)<\/script>/.exec(html) ?? [];
    const elements = new Map<string, FakeElement>();
    const element = (id: string): FakeElement => {
      const one = elements.get(id) ?? new FakeElement();
      elements.set(id, one);
      return one;
    };
    const page = { results: [], partial: [], embedding: { available: true }, took_ms: 1 };
    const answers = [
      { ok: true, json: () => ({ ...page, next_cursor: 'c1' }) },
      { ok: false, json: () => ({ error: { message: 'the server is busy' } }) },
      { ok: true, json: () => ({ ...page, next_cursor: null }) },
    ];
    const asked: unknown[] = [];
    runInNewContext(script, {
      document: { getElementById: element },
      AbortController,
      fetch: (_url: string, { body }: { body: string }) => {
        asked.push((JSON.parse(body) as { cursor?: string }).cursor);
        return Promise.resolve(answers.shift());
      },
    });
    const [form, more] = [element('search'), element('more')];
    await form.fire('submit');
    expect(more.hidden).toBe(false);
    await more.fire('click');
    expect([more.hidden, element('notice').textContent]).toEqual([false, 'the server is busy']);
    await more.fire('click');
    expect(more.hidden).toBe(true);
    expect(asked).toEqual([undefined, 'c1', 'c1']);
  });

  it('leaves tokens to the browser', async () => {
    const html = await (await (await serve()).get('/')).text();
    expect(html).not.toMatch(/Bearer|sessionStorage|localStorage|type="password"/);
  });

  it('refers to elements that it has', async () => {
    const html = await (await (await serve()).get('/')).text();
    const asked = [...html.matchAll(/element\('([a-z-]+)'\)/g)].map(([, id]) => id);
    expect(new Set(asked).size).toBeGreaterThan(5);
    for (const id of asked) expect(html).toContain(`id="${id}"`);
  });
});
