import { createHash } from 'node:crypto';
import { Script } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { serve } from './support.js';

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
