import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../src/servers/index.js';
import { serve } from '../api/support.js';
import { Program } from '../support/program.js';

const TOKEN = 'a-token-of-enough-letters';
const status = () => Promise.resolve({ version: '1.2.3', ready: true });

let program: Program;
beforeAll(async () => {
  program = await Program.create();
});
afterAll(() => program.destroy());

interface Check {
  check: string;
  status: string;
  detail: string;
}

/** What `akosha doctor` says of the API at this port. */
async function checkApi(port: number, token?: string): Promise<Check & { code: number }> {
  const { code, stdout } = await program.run(['doctor', '--json'], {
    AKOSHA_PORT: String(port),
    ...(token === undefined ? {} : { AKOSHA_API_TOKEN: token }),
  });
  const { checks } = JSON.parse(stdout) as { checks: Check[] };
  const check = checks.find(({ check: name }) => name === 'API') ?? expect.fail(stdout);
  return { ...check, code };
}

describe('doctor’s check of the API', () => {
  it('is fine with a server that takes the token', async () => {
    const { port, url } = await serve({ status }, { apiToken: TOKEN });
    expect(await checkApi(port, TOKEN)).toMatchObject({
      status: 'ok',
      detail: `${url}, version 1.2.3`,
      code: 0,
    });
  });

  it.each([undefined, 'another-token-of-enough-letters'])('fails with the token %s', async (token) => {
    const { port } = await serve({ status }, { apiToken: TOKEN });
    expect(await checkApi(port, token)).toMatchObject({
      status: 'failed',
      detail: expect.stringContaining('AKOSHA_API_TOKEN'),
      code: 1,
    });
  });

  it('tells that no server runs, which is no failure', async () => {
    expect(await checkApi(await freePort())).toMatchObject({
      status: 'missing',
      detail: expect.stringMatching(/no server answers at http.*akosha up/),
      code: 0,
    });
  });

  it('tells a server that is not ready', async () => {
    const { port } = await serve({ status: () => Promise.resolve({ version: '1', ready: false }) });
    expect(await checkApi(port)).toMatchObject({ status: 'missing', detail: expect.stringMatching(/ready/) });
  });

  it('fails where something else answers', async () => {
    const server = createServer((_request, response) => response.end('<html>hello</html>'));
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    expect(await checkApi(port)).toMatchObject({
      status: 'failed',
      detail: expect.stringMatching(/no akosha server of this version.*AKOSHA_PORT/),
      code: 1,
    });
  });
});
