import { describe, expect, it } from 'vitest';
import { messageOf, systemOfWorkflow, WORKFLOW_IDS, withoutValues } from '../../src/contract/index.js';
import { withDuckDB } from '../support/databases.js';

const SECRET = 'xylophonist';

async function duckdbError(...statements: string[]): Promise<string> {
  return withDuckDB(async (connection) => {
    try {
      for (const statement of statements) await connection.run(statement);
    } catch (error) {
      return messageOf(error);
    }
    return expect.fail('raised nothing');
  });
}

function jsonError(text: string): string {
  try {
    JSON.parse(text);
  } catch (error) {
    return messageOf(error);
  }
  return expect.fail('raised nothing');
}

describe('withoutValues', () => {
  it.each([
    ['a text that is no number', `SELECT CAST('${SECRET}' AS INTEGER)`],
    ['a text that is no time', `SELECT CAST('${SECRET}' AS TIMESTAMP)`],
    ['a text that is no JSON', `SELECT CAST('{${SECRET}' AS JSON)`],
    ['what a macro raises', `SELECT error('at once' || chr(10) || '    at ${SECRET}')`],
  ])('leaves out %s', async (_what, statement) => {
    const told = await duckdbError(statement);
    expect(told).toContain(SECRET);
    expect(withoutValues(told)).toMatch(/^(Conversion|Invalid Input) Error \(of a value\)$/);
  });

  it('leaves out a key that is there twice', async () => {
    const told = await duckdbError(
      'CREATE TABLE memories (content VARCHAR PRIMARY KEY)',
      `INSERT INTO memories VALUES ('${SECRET}'), ('${SECRET}')`,
    );
    expect(told).toContain(SECRET);
    expect(withoutValues(told)).toBe('Constraint Error (of a value)');
  });

  it('names the column that a value stood in', async () => {
    const told = await duckdbError(
      'CREATE TABLE memories (content VARCHAR)',
      `INSERT INTO memories VALUES ('${SECRET}')`,
      'SELECT CAST(content AS INTEGER) FROM memories',
    );
    expect(withoutValues(told)).toBe('Conversion Error (of a value in column content)');
  });

  it.each([`{"a": ${SECRET}}`, SECRET, `{"a": 1} ${SECRET}`, `["${SECRET}`, `{"${SECRET}": 1,}`])(
    'leaves out what Node’s JSON parser repeats of %s',
    (text) => {
      const told = withoutValues(`manifest: ${jsonError(text)}`);
      expect(told).toMatch(/^manifest: ./);
      expect(told).not.toMatch(/xylo/);
    },
  );

  it('keeps what names tables and files', async () => {
    const told = await duckdbError('SELECT content FROM memories');
    expect(withoutValues(told)).toBe(told);
  });
});

describe('systemOfWorkflow', () => {
  it('finds the system that a workflow works for, and none where that is all of them', () => {
    expect(systemOfWorkflow(WORKFLOW_IDS.uploadMemory('laptop-1'))).toBe('laptop-1');
    expect(systemOfWorkflow(WORKFLOW_IDS.ingestSystem('laptop-1'))).toBe('laptop-1');
    expect(systemOfWorkflow(WORKFLOW_IDS.triggeredIngest('laptop-1'))).toBe('laptop-1');
    expect(systemOfWorkflow(WORKFLOW_IDS.triggeredIngest())).toBeUndefined();
    expect(systemOfWorkflow(WORKFLOW_IDS.dailyIngest('2026-11-22T12:00:00.000Z'))).toBeUndefined();
  });
});
