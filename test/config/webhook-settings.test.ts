import { describe, expect, it } from 'vitest';
import { describeSettings, secretValues, SETTING_KEYS, detailsOf } from '../../src/config/index.js';
import { faultsOf, load, useEmptyHost } from './support.js';

useEmptyHost();

const SECRET = 'a secret of both sides';
const webhook = (url: string, more: Record<string, string> = {}): Record<string, string> => ({
  AKOSHA_WEBHOOK_URL: url,
  AKOSHA_WEBHOOK_SECRET: SECRET,
  ...more,
});

describe('whoever is told of an outage', () => {
  it.each([
    ['alert_webhook_url', { AKOSHA_ALERT_WEBHOOK_SECRET: SECRET }],
    ['pagerduty_url', { AKOSHA_PAGERDUTY_ROUTING_KEY: 'k'.repeat(32) }],
  ])('%s is https:// where strangers may read along, unless somebody says that they may', (name, more) => {
    const at = (url: string) => ({ [`AKOSHA_${name.toUpperCase()}`]: url, ...more });
    const exposed = at('http://alerts.example.org/enqueue');
    expect(faultsOf(exposed)[name]?.rule).toContain('AKOSHA_ALLOW_INSECURE_HTTP');
    expect(() => load({ ...exposed, AKOSHA_ALLOW_INSECURE_HTTP: 'true' })).not.toThrow();
    expect(() => load(at('http://127.0.0.1:9000/'))).not.toThrow();
  });
});

describe('the webhook', () => {
  it('is none by default', () => {
    const { webhookUrl, webhookSecret } = load().settings;
    expect([webhookUrl, webhookSecret]).toEqual([undefined, undefined]);
  });

  it.each([
    'https://example.org/notices',
    'https://me:word@example.org/notices?key=abc',
    'http://127.0.0.1:9000/',
    'http://[fd00::1]/',
    'http://192.168.1.5/hook',
  ])('may be %s', (url) => {
    expect(load(webhook(url)).settings).toMatchObject({ webhookUrl: url, webhookSecret: SECRET });
  });

  it.each(['example.org/notices', 'ftp://example.org', 'https://example.org/#here'])(
    'must not be %s, which no message repeats',
    (url) => {
      const faults = faultsOf(webhook(url));
      expect(Object.keys(faults)).toEqual(['webhook_url']);
      expect(JSON.stringify(faults)).not.toContain(url);
    },
  );

  it('is https:// where strangers may read along, unless somebody says that they may', () => {
    const url = 'http://example.org/notices?key=abc';
    const faults = faultsOf(webhook(url));
    expect(faults['webhook_url']?.rule).toContain('AKOSHA_ALLOW_INSECURE_HTTP');
    expect(JSON.stringify(faults)).not.toContain('abc');
    expect(() => load(webhook(url, { AKOSHA_ALLOW_INSECURE_HTTP: 'true' }))).not.toThrow();
  });

  it('needs a secret, of 16 characters at least', () => {
    const url = 'https://example.org/notices';
    expect(faultsOf({ AKOSHA_WEBHOOK_URL: url })['webhook_secret']?.rule).toContain('AKOSHA_WEBHOOK_URL');
    const short = faultsOf(webhook(url, { AKOSHA_WEBHOOK_SECRET: 'fifteen letters' }));
    expect(Object.keys(short)).toEqual(['webhook_secret']);
    expect(JSON.stringify(short)).not.toContain('fifteen letters');
  });

  it('is shown as set, and neither its URL nor its secret', () => {
    const described = describeSettings(load(webhook('https://example.org/?key=in-the-query')));
    const shown = described.filter(({ name }) => name.startsWith('webhook_'));
    expect(shown.map(({ value }) => value)).toEqual(['********', '********']);
    expect(JSON.stringify(described)).not.toMatch(/in-the-query|of both sides/);
  });
});

it('every setting that is marked secret is kept out of the log', () => {
  const secrets = SETTING_KEYS.filter((key) => detailsOf(key).secret === true);
  const { settings } = load();
  const filled = { ...settings, ...Object.fromEntries(secrets.map((key) => [key, `the value of ${key}`])) };
  expect(secretValues(filled)).toEqual(secrets.map((key) => `the value of ${key}`));
  expect(secrets).toEqual(expect.arrayContaining(['eventsToken', 'webhookSecret', 'serverToken']));
  expect(secretValues(settings)).toEqual([]);
});
