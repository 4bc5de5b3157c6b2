import { z } from 'zod';
import { setting } from './details.js';
import * as shape from './shapes.js';

/** What the server does where Temporal is away, and who is told. */
export const OUTAGE_SETTINGS = {
  outageDetectionSeconds: setting(shape.wholeNumber(1, 3600), {
    group: 'Outage',
    rule: 'a whole number from 1 to 3600',
    description:
      'After so long without an answer from Temporal the server does the work of the workflows itself. Longer than a restart of Temporal takes, or each one is an alert.',
    initial: 10,
  }),
  alertWebhookUrl: setting(shape.webAddress().optional(), {
    group: 'Outage',
    rule: 'an http:// or https:// address without user, query and fragment',
    description:
      'Where an outage is told of, once when it begins and once when it is over: a POST signed with `alert_webhook_secret`.',
    // Receivers put keys into it.
    secret: true,
  }),
  alertWebhookSecret: setting(z.string().min(16).optional(), {
    group: 'Outage',
    rule: 'a text of at least 16 characters',
    description: 'The key of the signature (HMAC-SHA256 of the body, in `X-Akosha-Signature-256`).',
    secret: true,
  }),
  pagerdutyRoutingKey: setting(
    z
      .string()
      .regex(/^[A-Za-z0-9]{32}$/)
      .optional(),
    {
      group: 'Outage',
      rule: 'the 32 letters and digits of an integration key',
      description: 'The integration key of a PagerDuty service (Events API v2), which is told the same.',
      secret: true,
    },
  ),
  pagerdutyUrl: setting(shape.webAddress(), {
    group: 'Outage',
    rule: 'an http:// or https:// address without user, query and fragment',
    description: 'PagerDuty’s address; in the EU https://events.eu.pagerduty.com/v2/enqueue.',
    initial: 'https://events.pagerduty.com/v2/enqueue',
  }),
};
