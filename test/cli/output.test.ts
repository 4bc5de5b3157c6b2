import { describe, expect, it } from 'vitest';
import { describeFields, table } from '../../src/cli/output.js';

describe('an answer in words', () => {
  it('has a line for each field and for each item of a list, and no JSON', () => {
    const answer = {
      running: true,
      agent_ready: false,
      api_url: 'http://127.0.0.1:1',
      pid: 12,
      temporal_ui_url: null,
      temporal: { address: 'a:1', connected: true },
      roles: ['server', 'agent'],
      uploads: { raw_gone: 1, quarantined: 2 },
      quarantined: [
        { system_id: 'laptop', reason: 'no such file' },
        { system_id: 'robot', reason: 'not a "database"' },
      ],
      nothing: [],
    };
    expect(table(describeFields(answer)).split('\n')).toEqual([
      'running          yes',
      'agent ready      no',
      'api url          http://127.0.0.1:1',
      'pid              12',
      'temporal ui url  -',
      'temporal         address a:1, connected yes',
      'roles            server, agent',
      'uploads          raw gone 1, quarantined 2',
      'quarantined      system id laptop, reason no such file',
      '                 system id robot, reason not a "database"',
      'nothing          none',
    ]);
  });
});
