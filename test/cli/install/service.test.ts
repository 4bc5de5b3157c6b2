import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installService, removeService, serviceManager } from '../../../src/cli/install/service.js';

const COMMAND = {
  words: ['/usr/bin/node', '/opt/my "agent"/100%/$x.js', 'agent'],
  environment: { AKOSHA_DATABASES: '/a b/c.duckdb,/d&e.duckdb', AKOSHA_TIME_ZONE: 'Europe/Berlin' },
};

let home: string;

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'akosha-service-'));
});

afterEach(() => rm(home, { recursive: true, force: true }));

describe('the agent as a service', () => {
  it('of launchd is a property list with the words and variables as they are', async () => {
    const { file } = await installService(serviceManager('darwin', home), COMMAND, false);
    expect(file).toBe(path.join(home, 'Library/LaunchAgents/io.akosha.agent.plist'));
    const script = 'import json,plistlib,sys; print(json.dumps(plistlib.load(open(sys.argv[1],"rb"))))';
    expect(JSON.parse(execFileSync('python3', ['-c', script, file], { encoding: 'utf8' }))).toMatchObject({
      Label: 'io.akosha.agent',
      ProgramArguments: COMMAND.words,
      EnvironmentVariables: COMMAND.environment,
      RunAtLoad: true,
      KeepAlive: { SuccessfulExit: false },
    });
  });

  it('of systemd quotes what has a meaning there', async () => {
    const { file } = await installService(serviceManager('linux', home), COMMAND, false);
    const unit = await readFile(file, 'utf8');
    expect(unit).toContain(String.raw`ExecStart="/usr/bin/node" "/opt/my \"agent\"/100%%/$$x.js" "agent"`);
    expect(unit).toContain('Environment="AKOSHA_DATABASES=/a b/c.duckdb,/d&e.duckdb"');
    expect(unit).toContain('Restart=on-failure');
  });

  it('is taken away again, also twice', async () => {
    const manager = serviceManager('linux', home);
    await installService(manager, COMMAND, false);
    await removeService(manager);
    await removeService(manager);
    await expect(readFile(manager.file)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('says what to do where there is no service manager', () => {
    expect(() => serviceManager('win32', home)).toThrow(/run `akosha agent` as a service of your own/);
  });
});
