import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';

export interface SandboxOptions {
  /** Absolute folder that DuckDB may read, write and spill to. */
  folder: string;
  /** Absolute paths of further files it may write. */
  files?: readonly string[];
  memoryLimitMb: number;
  maxSpillBytes: number;
}

/**
 * A DuckDB in memory that can reach nothing but the given folder and files, can load no extension and cannot be reconfigured,
 * so that whatever an attached file holds stays in it. Whoever uses it for several files detaches each.
 */
export class Sandbox {
  readonly #instance: DuckDBInstance;

  private constructor(instance: DuckDBInstance) {
    this.#instance = instance;
  }

  static async open(options: SandboxOptions): Promise<Sandbox> {
    // One thread: a host's other programs come first, and a server runs several readers beside each other.
    const sandbox = new Sandbox(await DuckDBInstance.create(':memory:', { threads: '1' }));
    try {
      await sandbox.run(async (connection) => {
        for (const statement of sandboxSql(options)) await connection.run(statement);
      });
    } catch (error) {
      sandbox.close();
      throw error;
    }
    return sandbox;
  }

  /** On a connection of its own, whose temporary tables end with it. */
  async run<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const connection = await this.#instance.connect();
    try {
      return await work(connection);
    } finally {
      connection.closeSync();
    }
  }

  close(): void {
    this.#instance.closeSync();
  }
}

/** Runs `work` in a sandbox of its own: nothing that a file did to it meets the next file. */
export async function withSandbox<T>(
  options: SandboxOptions,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const sandbox = await Sandbox.open(options);
  try {
    return await sandbox.run(work);
  } finally {
    sandbox.close();
  }
}

/** The statements that shut a new DuckDB in, also one of another version. */
export function sandboxSql({ folder, files = [], memoryLimitMb, maxSpillBytes }: SandboxOptions): string[] {
  const settings = [
    'threads = 1',
    `memory_limit = '${memoryLimitMb}MiB'`,
    `temp_directory = ${quoteText(folder)}`,
    // In KiB, because DuckDB takes sizes in units only.
    `max_temp_directory_size = '${Math.ceil(maxSpillBytes / 1024)}KiB'`,
    // Casts from TIMESTAMP WITH TIME ZONE use it. For every connection: by itself it holds for one.
    `GLOBAL TimeZone = 'UTC'`,
    'autoinstall_known_extensions = false',
    'autoload_known_extensions = false',
    'allow_community_extensions = false',
    `allowed_directories = [${quoteText(`${folder}/`)}]`,
    `allowed_paths = [${files.map(quoteText).join(', ')}]`,
    // These two last: the first forbids what the settings above still may, the second all of them.
    'enable_external_access = false',
    'lock_configuration = true',
  ];
  return settings.map((setting) => `SET ${setting}`);
}

/** A SQL string literal. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A SQL identifier. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
