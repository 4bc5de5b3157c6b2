import { isRunning } from '../runtime/index.js';
import { recordedServers, SERVER_PROGRAMS, type ServerRecord } from '../servers/index.js';

/** A server that `akosha up` started for a data folder. */
export interface LeftServer {
  name: ServerRecord['name'];
  title: string;
  pid: number;
  /** Whether this process still runs; its number may belong to another by now. */
  alive: boolean;
  url: string;
  log_file: string;
}

/** The servers on record for a folder that nothing runs on: a killed run left them behind. */
export function leftServers(dataDir: string): LeftServer[] {
  return recordedServers(dataDir).map((record) => {
    const { name, pid, url, logFile } = record;
    return {
      name,
      title: SERVER_PROGRAMS[name].title,
      pid,
      alive: isRunning(record),
      url,
      log_file: logFile,
    };
  });
}

/** What to tell of one. */
export function leftServerText({ title, pid, alive, url }: LeftServer): string {
  return alive
    ? `${title} at ${url}, left behind as process ${pid}: \`akosha up\` takes it over, \`kill ${pid}\` ends it`
    : `${title}, process ${pid}, has ended`;
}
