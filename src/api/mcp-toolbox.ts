import { z } from 'zod';

export interface ToolAnswer {
  /** What a client of the original reads: `status`, `error`, … */
  output: Record<string, unknown>;
  failed: boolean;
}

export interface Tool<Context> {
  description: string;
  input: z.ZodType;
  /** Takes arguments that `input` accepts. */
  run: (input: unknown, context: Context) => Promise<ToolAnswer>;
}

/** The tools of one MCP server, with what they work on. */
export interface Toolbox {
  list: () => { name: string; description: string; inputSchema: unknown }[];
  /** Undefined where there is no such tool. What goes wrong is in the answer, as MCP wants it: a model is to read it. */
  call: (name: string, input: unknown) => Promise<ToolAnswer | undefined>;
}

/** `failed` makes an answer of what a tool raised, and of the `ZodError` of arguments that it does not take. */
export function toolbox<Context>(
  tools: Readonly<Record<string, Tool<Context>>>,
  context: Context,
  failed: (error: unknown, tool: string) => ToolAnswer,
): Toolbox {
  return {
    list: () =>
      Object.entries(tools).map(([name, { description, input }]) => ({
        name,
        description,
        inputSchema: z.toJSONSchema(input, { io: 'input' }),
      })),
    call: async (name, input) => {
      const found = Object.hasOwn(tools, name) ? tools[name] : undefined;
      if (found === undefined) return undefined;
      try {
        // As they came: the tool parses them itself, and a time that is parsed is none any more.
        found.input.parse(input ?? {});
        return await found.run(input ?? {}, context);
      } catch (error) {
        return failed(error, name);
      }
    },
  };
}

/** What is wrong with a tool's arguments, in one line. */
export function rulesOf(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => `${path.length === 0 ? 'arguments' : path.join('.')}: ${message}`)
    .join('; ');
}
